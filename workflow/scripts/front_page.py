"""Writes the front page of the report."""

from pathlib import Path

from zowarmup.analysis import metrics
from zowarmup.analysis.claims import write
from zowarmup.analysis.report import front_page
from zowarmup.common.files import atomic_write_text
from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    page = front_page.page(
        snakemake.wildcards.name,
        metrics.read(snakemake.input.metrics),
        write.read(snakemake.input.claims),
        front_page.job_facts(Path(snakemake.input.claims).parent, snakemake.input.work),
    )
    atomic_write_text(snakemake.output.page, page)
