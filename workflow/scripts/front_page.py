"""The front page of the report."""

from pathlib import Path

from zowarmup.analysis import claims_write, front_page, job_facts, metrics
from zowarmup.settings.files import atomic_write_text
from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    page = front_page.page(
        snakemake.wildcards.name,
        metrics.read(snakemake.input.metrics),
        claims_write.read(snakemake.input.claims),
        job_facts.job_facts(Path(snakemake.input.claims).parent, snakemake.input.work),
    )
    atomic_write_text(snakemake.output.page, page)
