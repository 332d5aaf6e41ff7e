"""Writes all trials of learning rates into one file."""

from zowarmup.analysis.collect import trials
from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    trials.collect(
        snakemake.input.get("selections", []),
        **snakemake.params.trials,
        output=snakemake.output.trials,
    )
