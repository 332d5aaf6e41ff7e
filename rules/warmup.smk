# One first-order trajectory feeds everything that starts with the same phase.
rule warmup:
    input:
        unpack(warmup_inputs),
    output:
        snapshots=directory("results/{name}/warmups/{warmup}/{seed}/snapshots"),
        metrics="results/{name}/warmups/{warmup}/{seed}/metrics.csv",
        record="results/{name}/warmups/{warmup}/{seed}/run.json",
    log:
        "results/{name}/logs/warmup/{warmup}/{seed}.log",
    benchmark:
        "results/{name}/benchmarks/warmup/{warmup}/{seed}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.engine.threads * CONFIG.engine.processes
    resources:
        mem_mb=training_mb,
        runtime=training_minutes,
        gpu=GPUS,
        processes=CONFIG.engine.processes,
    params:
        spec=warmup_spec,
        code=warmup_code,
    script:
        "../workflow/scripts/warmup.py"


# The one rule by which learning rates are chosen: a grid, judged on held-out images.
rule select:
    input:
        unpack(selection_inputs),
    output:
        selection="results/{name}/selections/{selection}/selection.json",
    log:
        "results/{name}/logs/select/{selection}.log",
    benchmark:
        "results/{name}/benchmarks/select/{selection}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.engine.threads * CONFIG.engine.processes
    resources:
        mem_mb=training_mb,
        runtime=training_minutes,
        gpu=GPUS,
        processes=CONFIG.engine.processes,
    params:
        spec=selection_spec,
        code=selection_code,
    script:
        "../workflow/scripts/select.py"
