# The curvature of the loss at the first model and at the pivots of a warm-up: an analysis, no client's work.
rule curvature:
    input:
        unpack(ask(WORK.inputs, "curvature")),
    output:
        measured="results/{name}/curvature/{warmup}/{seed}.json",
    log:
        "results/{name}/logs/curvature/{warmup}/{seed}.log",
    benchmark:
        "results/{name}/benchmarks/curvature/{warmup}/{seed}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.engine.threads
    resources:
        mem_mb=training_mb,
        runtime=training_minutes,
        gpu=int(CONFIG.engine.device == "cuda"),
    params:
        spec=ask(WORK.spec, "curvature"),
        rounds=ask(WORK.rounds, "curvature"),
        code=ask(WORK.code, "curvature"),
    script:
        "../workflow/scripts/curvature.py"
