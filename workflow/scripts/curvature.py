"""Measures the curvature of the loss along a warm-up: snapshots in, numbers out."""

from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    from zowarmup.jobs import curvature
    from zowarmup.runtime import gpu_lock

    gpu_lock.take(snakemake.resources.gpu)
    curvature.measure(
        snakemake.params.spec,
        int(snakemake.wildcards.seed),
        snakemake.params.rounds,
        snakemake.params.code,
        data=snakemake.input.data,
        federation=snakemake.input.federation,
        snapshots=snakemake.input.snapshots,
        output=snakemake.output.measured,
    )
