"""One learning rate: the whole grid from where the phase starts, and the choice."""

from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    from zowarmup.simulation import gpus, job_select, launch

    gpus.take(snakemake.resources.gpu)
    launch.run(
        snakemake.resources.processes,
        job_select.select_rate,
        snakemake.params.spec,
        snakemake.params.code,
        data=snakemake.input.data,
        federations=snakemake.input.federations,
        warmups=snakemake.input.get("warmups", []),
        selections=snakemake.input.get("selections", []),
        selection=snakemake.output.selection,
    )
