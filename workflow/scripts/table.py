"""Writes one table in all its formats."""

from zowarmup.analysis import metrics
from zowarmup.analysis.tables import write
from zowarmup.common import files
from zowarmup.common.job_log import log_to
from zowarmup.config import registry, tables_and_figures
from zowarmup.plan import earlier_trials

with log_to(snakemake.log[0]):
    make = registry.load(tables_and_figures.TABLES, snakemake.wildcards.table)
    measured = snakemake.input.get("measured")  # None unless the table shows more than metrics
    more = [] if measured is None else [[files.read_json(path) for path in measured]]
    more += [earlier_trials.read(file) for file in snakemake.input.get("trials", [])]
    write.write(make(metrics.read(snakemake.input.metrics), *more), snakemake.output)
