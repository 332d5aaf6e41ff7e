# All rows of all runs, tidy; everything below reads this file alone.
rule collect:
    input:
        unpack(scope_inputs),
    output:
        metrics="results/{name}/{scope}metrics.csv",
    log:
        "results/{name}/logs/{scope}collect.log",
    benchmark:
        "results/{name}/benchmarks/{scope}collect.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        cells=scope_cells,
        code=code("collect"),
    script:
        "../workflow/scripts/collect.py"


rule table:
    input:
        unpack(table_inputs),
        metrics="results/{name}/{scope}metrics.csv",
    output:
        csv="results/{name}/{scope}tables/{table}.csv",
        markdown="results/{name}/{scope}tables/{table}.md",
        latex="results/{name}/{scope}tables/{table}.tex",
        html="results/{name}/{scope}tables/{table}.html",
    log:
        "results/{name}/logs/{scope}table/{table}.log",
    benchmark:
        "results/{name}/benchmarks/{scope}table/{table}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=table_code,
    script:
        "../workflow/scripts/table.py"


rule figure:
    input:
        unpack(figure_inputs),
        metrics="results/{name}/{scope}metrics.csv",
    output:
        svg="results/{name}/{scope}figures/{figure}.svg",
        png="results/{name}/{scope}figures/{figure}.png",
        pdf="results/{name}/{scope}figures/{figure}.pdf",
    log:
        "results/{name}/logs/{scope}figure/{figure}.log",
    benchmark:
        "results/{name}/benchmarks/{scope}figure/{figure}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=figure_code,
    script:
        "../workflow/scripts/figure.py"


rule claims:
    input:
        metrics="results/{name}/metrics.csv",
        claims=CONFIG.claims,
    output:
        csv="results/{name}/claims.csv",
        markdown="results/{name}/claims.md",
        html="results/{name}/claims.html",
    log:
        "results/{name}/logs/claims.log",
    benchmark:
        "results/{name}/benchmarks/claims.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("claims"),
    script:
        "../workflow/scripts/claims.py"
