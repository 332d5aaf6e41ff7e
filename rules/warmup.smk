# One first-order trajectory serves all runs that start with the same phase.
rule warmup:
    input:
        unpack(ask(WORK.inputs, "warmup")),
    output:
        snapshots=directory("results/{name}/warmups/{warmup}/{seed}/snapshots"),
        metrics="results/{name}/warmups/{warmup}/{seed}/metrics.csv",
        run_record="results/{name}/warmups/{warmup}/{seed}/run.json",
    log:
        "results/{name}/logs/warmup/{warmup}/{seed}.log",
    benchmark:
        "results/{name}/benchmarks/warmup/{warmup}/{seed}.tsv"
    wildcard_constraints:
        warmup=WORK.warmups(probes=False),
    conda:
        "../envs/train.yaml"
    threads: CONFIG.engine.threads * CONFIG.engine.processes
    resources:
        mem_mb=training_mb,
        runtime=training_minutes,
        gpu=WORK.gpus,
        processes=CONFIG.engine.processes,
    params:
        spec=ask(WORK.spec, "warmup"),
        code=ask(WORK.code, "warmup"),
    script:
        "../workflow/scripts/warmup.py"


# The same with probes, by which a run decides its pivot or its rate of phase 2.
use rule warmup as probed_warmup with:
    output:
        snapshots=directory("results/{name}/warmups/{warmup}/{seed}/snapshots"),
        metrics="results/{name}/warmups/{warmup}/{seed}/metrics.csv",
        run_record="results/{name}/warmups/{warmup}/{seed}/run.json",
        probes="results/{name}/warmups/{warmup}/{seed}/probes.csv",
    wildcard_constraints:
        warmup=WORK.warmups(probes=True),


# The tuning rule: all learning rates of a method, by the accuracy on held-out images.
rule select:
    input:
        unpack(ask(WORK.inputs, "select")),
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
        gpu=WORK.gpus,
        processes=CONFIG.engine.processes,
    params:
        spec=ask(WORK.spec, "select"),
        code=ask(WORK.code, "select"),
    script:
        "../workflow/scripts/select.py"
