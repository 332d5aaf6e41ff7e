"""All rows of all runs as one tidy file."""

from zowarmup.analysis import collect
from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    collect.collect(snakemake.params.cells, snakemake.output.metrics)
