# All rows of all runs in one tidy table, from which alone the rules below read the results.
rule collect_metrics:
    input:
        unpack(ask(WORK.inputs, "collect_metrics")),
    output:
        metrics="results/{name}/{scope}metrics.csv",
    log:
        "results/{name}/logs/{scope}collect_metrics.log",
    benchmark:
        "results/{name}/benchmarks/{scope}collect_metrics.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=small_mb,
        runtime=small_minutes,
    params:
        cells=ask(WORK.cells, "collect_metrics"),
        code=ask(WORK.code, "collect_metrics"),
    script:
        "../workflow/scripts/collect_metrics.py"


# The trials behind all learning rates: those of the selections above and earlier ones.
rule collect_trials:
    input:
        unpack(ask(WORK.inputs, "collect_trials")),
        earlier=earlier_trials,
    output:
        trials="results/{name}/trials.csv",
    log:
        "results/{name}/logs/collect_trials.log",
    benchmark:
        "results/{name}/benchmarks/collect_trials.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=small_mb,
        runtime=small_minutes,
    params:
        trials=ask(WORK.trials, "collect_trials"),
        code=ask(WORK.code, "collect_trials"),
    script:
        "../workflow/scripts/collect_trials.py"


rule table:
    input:
        unpack(ask(WORK.inputs, "table")),
    output:
        csv="results/{name}/{scope}tables/{table}.csv",
        markdown="results/{name}/{scope}tables/{table}.md",
        latex="results/{name}/{scope}tables/{table}.tex",
        html=report(
            "results/{name}/{scope}tables/{table}.html",
            caption="../workflow/report/table.rst",
            category="Tables",
            labels=ask(WORK.labels, "table"),
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
        code=ask(WORK.code, "table"),
    script:
        "../workflow/scripts/table.py"


rule figure:
    input:
        unpack(ask(WORK.inputs, "figure")),
    output:
        svg=report(
            "results/{name}/{scope}figures/{figure}.svg",
            caption="../workflow/report/figure.rst",
            category="Figures",
            labels=ask(WORK.labels, "figure"),
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
        federations=ask(WORK.federations, "figure"),
        probes=ask(WORK.probed, "figure"),
        code=ask(WORK.code, "figure"),
    script:
        "../workflow/scripts/figure.py"


rule claims:
    input:
        unpack(ask(WORK.inputs, "claims")),
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
        code=ask(WORK.code, "claims"),
    script:
        "../workflow/scripts/claims.py"


# Failure signatures of the runs, with their likely causes.
rule signatures:
    input:
        unpack(ask(WORK.inputs, "signatures")),
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
        code=ask(WORK.code, "signatures"),
    script:
        "../workflow/scripts/signatures.py"


# The first screen of `make report`.
rule front_page:
    input:
        unpack(ask(WORK.inputs, "front_page")),
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
        code=ask(WORK.code, "front_page"),
    script:
        "../workflow/scripts/front_page.py"
