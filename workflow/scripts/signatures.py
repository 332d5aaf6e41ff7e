"""Writes the failure signatures of all runs."""

from zowarmup.analysis import metrics
from zowarmup.analysis.report import signatures_page
from zowarmup.analysis.tables import write
from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    write.write(signatures_page.table(metrics.read(snakemake.input.metrics)), snakemake.output)
