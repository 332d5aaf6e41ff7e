rule dataset:
    output:
        data="results/{name}/datasets/{dataset}/dataset.npz",
        summary="results/{name}/datasets/{dataset}/dataset.json",
        source="results/{name}/datasets/{dataset}/source.json",
    log:
        "results/{name}/logs/dataset/{dataset}.log",
    benchmark:
        "results/{name}/benchmarks/dataset/{dataset}.tsv"
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        settings=ask(WORK.settings, "dataset"),
        places=data_places,
        contents=ask(WORK.contents, "dataset"),
        code=ask(WORK.code, "dataset"),
    script:
        "../workflow/scripts/dataset.py"


rule federation:
    input:
        unpack(ask(WORK.inputs, "federation")),
    output:
        federation="results/{name}/federations/{federation}/{seed}/federation.json",
    log:
        "results/{name}/logs/federation/{federation}/{seed}.log",
    benchmark:
        "results/{name}/benchmarks/federation/{federation}/{seed}.tsv"
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=federation_mb,
        runtime=small_minutes,
    params:
        settings=ask(WORK.settings, "federation"),
        code=ask(WORK.code, "federation"),
    script:
        "../workflow/scripts/federation.py"
