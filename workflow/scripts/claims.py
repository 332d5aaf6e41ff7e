"""A verdict on every claim."""

from zowarmup.analysis import claims, claims_write, metrics
from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    verdicts = claims.judge(
        metrics.read(snakemake.input.metrics), claims.read(snakemake.input.claims)
    )
    claims_write.write(verdicts, snakemake.output)
