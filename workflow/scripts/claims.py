"""Writes a verdict on every claim."""

from zowarmup.analysis import metrics
from zowarmup.analysis.claims import judge, schema, write
from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    again = snakemake.input.get("repeat")
    verdicts = judge.judge(
        metrics.read(snakemake.input.metrics),
        schema.read(snakemake.input.claims),
        metrics.read(again) if again else None,
    )
    write.write(verdicts, snakemake.output)
