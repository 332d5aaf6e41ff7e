"""Measures the peak memory of one client of a network, and computes it by formula."""

from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    from zowarmup.jobs import memory
    from zowarmup.runtime import gpu_lock

    gpu_lock.take(snakemake.resources.gpu)
    memory.measure(
        snakemake.params.settings,
        snakemake.wildcards.model,
        snakemake.wildcards.role,
        snakemake.params.code,
        snakemake.output.memory,
    )
