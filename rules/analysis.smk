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
        mem_mb=small_mb,
        runtime=small_minutes,
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
        html=report(
            "results/{name}/{scope}tables/{table}.html",
            caption="../workflow/report/table.rst",
            category="Tables",
            labels=menu_labels,
        ),
    log:
        "results/{name}/logs/{scope}table/{table}.log",
    benchmark:
        "results/{name}/benchmarks/{scope}table/{table}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=small_mb,
        runtime=small_minutes,
    params:
        code=table_code,
    script:
        "../workflow/scripts/table.py"


rule figure:
    input:
        unpack(figure_inputs),
        metrics="results/{name}/{scope}metrics.csv",
    output:
        svg=report(
            "results/{name}/{scope}figures/{figure}.svg",
            caption="../workflow/report/figure.rst",
            category="Figures",
            labels=menu_labels,
        ),
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
        mem_mb=small_mb,
        runtime=small_minutes,
    params:
        federations=figure_federations,
        code=figure_code,
    script:
        "../workflow/scripts/figure.py"


rule claims:
    input:
        metrics="results/{name}/metrics.csv",
        claims=claims_file,
    output:
        csv="results/{name}/claims.csv",
        markdown="results/{name}/claims.md",
        html=report(
            "results/{name}/claims.html",
            caption="../workflow/report/claims.rst",
            category="Verdicts",
            labels={"page": "claims of the paper"},
        ),
    log:
        "results/{name}/logs/claims.log",
    benchmark:
        "results/{name}/benchmarks/claims.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=small_mb,
        runtime=small_minutes,
    params:
        code=code("claims"),
    script:
        "../workflow/scripts/claims.py"


# What looks wrong in the runs, with its likely cause; also as warnings in the log.
rule signatures:
    input:
        metrics="results/{name}/metrics.csv",
    output:
        csv="results/{name}/signatures.csv",
        markdown="results/{name}/signatures.md",
        html=report(
            "results/{name}/signatures.html",
            caption="../workflow/report/signatures.rst",
            category="Verdicts",
            labels={"page": "failure signatures"},
        ),
    log:
        "results/{name}/logs/signatures.log",
    benchmark:
        "results/{name}/benchmarks/signatures.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=small_mb,
        runtime=small_minutes,
    params:
        code=code("signatures"),
    script:
        "../workflow/scripts/signatures.py"


# The first screen of `make report`.
rule front_page:
    input:
        metrics="results/{name}/metrics.csv",
        claims="results/{name}/claims.csv",
        work=PATHS.work(""),
    output:
        page="results/{name}/front_page.html",
    log:
        "results/{name}/logs/front_page.log",
    benchmark:
        "results/{name}/benchmarks/front_page.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=small_mb,
        runtime=small_minutes,
    params:
        code=code("front_page"),
    script:
        "../workflow/scripts/front_page.py"
