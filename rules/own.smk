# Networks and methods in files of the user's own run once on a few images, before any job trains with them.
rule check_own:
    input:
        unpack(ask(WORK.inputs, "check_own")),
    output:
        checked="results/{name}/checks/{check}/checked.json",
    log:
        "results/{name}/logs/check_own/{check}.log",
    benchmark:
        "results/{name}/benchmarks/check_own/{check}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.engine.threads
    resources:
        mem_mb=training_mb,
        runtime=small_minutes,
        gpu=int(CONFIG.engine.device == "cuda"),
    params:
        check=ask(WORK.own_check, "check_own"),
        dealt=ask(WORK.dealt, "check_own"),
        code=ask(WORK.code, "check_own"),
    script:
        "../workflow/scripts/check_own.py"
