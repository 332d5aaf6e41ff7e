# The memory of one client of a network, measured in a process of its own.
rule measure:
    output:
        memory="results/{name}/memory/{model}/{role}.json",
    log:
        "results/{name}/logs/measure/{model}/{role}.log",
    benchmark:
        "results/{name}/benchmarks/measure/{model}/{role}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.engine.threads
    resources:
        mem_mb=measuring_mb,
        runtime=small_minutes,
        gpu=int(CONFIG.engine.device == "cuda"),
    params:
        settings=ask(WORK.settings, "measure"),
        code=ask(WORK.code, "measure"),
    script:
        "../workflow/scripts/measure.py"
