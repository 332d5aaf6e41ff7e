# One job per run and seed, each from a snapshot of its warm-up.
rule train:
    input:
        unpack(ask(WORK.inputs, "train")),
    output:
        metrics="results/{name}/runs/{run}/{seed}/metrics.csv",
        run_record="results/{name}/runs/{run}/{seed}/run.json",
        final="results/{name}/runs/{run}/{seed}/final.safetensors",
    log:
        "results/{name}/logs/train/{run}/{seed}.log",
    benchmark:
        "results/{name}/benchmarks/train/{run}/{seed}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.engine.threads * CONFIG.engine.processes
    resources:
        mem_mb=training_mb,
        runtime=training_minutes,
        gpu=WORK.gpus,
        processes=CONFIG.engine.processes,
    params:
        spec=ask(WORK.spec, "train"),
        code=ask(WORK.code, "train"),
    script:
        "../workflow/scripts/train.py"
