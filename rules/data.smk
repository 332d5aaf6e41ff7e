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
        settings=dataset_settings,
        data_dir=dataset_dir,
        contents=dataset_contents,
        code=code("dataset"),
    script:
        "../workflow/scripts/dataset.py"


rule federation:
    input:
        data=federation_data,
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
        mem_mb=dealing_mb,
        runtime=small_minutes,
    params:
        settings=federation_settings,
        code=code("federation"),
    script:
        "../workflow/scripts/federation.py"
