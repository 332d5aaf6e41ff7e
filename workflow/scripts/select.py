"""Selects one learning rate: tries the whole grid from the start of the phase."""

from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    from zowarmup.jobs import select
    from zowarmup.runtime import gpu_lock, launch

    gpu_lock.take(snakemake.resources.gpu)
    launch.run(
        snakemake.resources.processes,
        select.select_rate,
        snakemake.params.spec,
        snakemake.params.code,
        data=snakemake.input.data,
        federations=snakemake.input.federations,
        warmups=snakemake.input.get("warmups", []),
        selections=snakemake.input.get("selections", []),
        selection=snakemake.output.selection,
    )
