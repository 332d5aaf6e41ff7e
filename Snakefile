# ZOWarmUp, from nothing to tables, figures and verdicts. `snakemake --cores all`

from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")


report: "workflow/report/workflow.rst"


# A config on the command line replaces the default, config/config.yaml in the current folder or, if that
# folder has none, beside this Snakefile.
if not workflow.configfiles:
    default = Path("config/config.yaml")

    configfile: str(default if default.exists() else Path(workflow.basedir, default))


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/own.smk"
include: "rules/warmup.smk"
include: "rules/train.smk"
include: "rules/memory.smk"
include: "rules/curvature.smk"
include: "rules/analysis.smk"
include: "rules/studies.smk"


# On a cluster the login node runs these rules: it can fetch data, which compute nodes often cannot, and to
# submit a job of seconds, wait for it and start Snakemake again would take a minute.
localrules:
    all,
    dataset,
    collect_metrics,
    table,
    figure,
    claims,
    signatures,
    front_page,


rule all:
    default_target: True
    input:
        **WORK.paths.targets(),
