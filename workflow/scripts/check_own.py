"""Checks a network and methods of the user's own on a few images."""

from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    from zowarmup.jobs import check_own
    from zowarmup.runtime import gpu_lock

    gpu_lock.take(snakemake.resources.gpu)
    check_own.check(
        snakemake.params.check,
        snakemake.params.dealt,
        snakemake.resources.mem_mb,
        data=snakemake.input.data,
        checked=snakemake.output.checked,
    )
