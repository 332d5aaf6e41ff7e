"""Selects the learning rates of a method: trains every candidate on the tuning seeds."""

from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    from zowarmup.jobs import select
    from zowarmup.runtime import gpu_lock, launch

    gpu_lock.take(snakemake.resources.gpu)
    launch.run(
        snakemake.resources.processes,
        select.select_rates,
        snakemake.params.spec,
        snakemake.params.code,
        data=snakemake.input.data,
        federations=snakemake.input.federations,
        selections=snakemake.input.get("selections", []),
        selection=snakemake.output.selection,
    )
