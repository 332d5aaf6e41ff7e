"""Writes one table in all its formats."""

from zowarmup.analysis import shown
from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    shown.table(snakemake.wildcards.table, dict(snakemake.input.items()), snakemake.output)
