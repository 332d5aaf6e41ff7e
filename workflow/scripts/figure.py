"""Draws one figure in all its formats."""

from zowarmup.analysis.figures.make import make
from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    make(
        snakemake.wildcards.figure,
        dict(snakemake.input.items()),
        snakemake.output,
        federations=snakemake.params.federations,  # empty unless the figure shows federations
        probed=snakemake.params.probes,
    )
