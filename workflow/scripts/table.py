"""Writes one table in all its formats."""

from zowarmup.analysis.tables.make import make
from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    make(snakemake.wildcards.table, dict(snakemake.input.items()), snakemake.output)
