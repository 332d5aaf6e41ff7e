"""Peak memory of one client of a network: by formula and measured."""

from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    from zowarmup.simulation import gpus, job_memory

    gpus.take(snakemake.resources.gpu)
    job_memory.measure(
        snakemake.params.settings,
        snakemake.wildcards.model,
        snakemake.wildcards.role,
        snakemake.params.code,
        snakemake.output.memory,
    )
