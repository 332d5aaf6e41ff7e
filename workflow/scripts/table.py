"""One table in all its formats."""

from zowarmup.analysis import metrics
from zowarmup.analysis.tables import write
from zowarmup.settings import registry
from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    make = registry.load(registry.TABLES, snakemake.wildcards.table)
    write.write(make(metrics.read(snakemake.input.metrics)), snakemake.output)
