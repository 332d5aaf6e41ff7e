"""Writes all rows of all runs into one tidy file."""

from zowarmup.analysis.collect import rows
from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    rows.collect(snakemake.params.cells, snakemake.output.metrics)
