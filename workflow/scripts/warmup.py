"""One warm-up: federation in, snapshots and metrics out."""

from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    from zowarmup.simulation import gpus, job_warmup, launch

    gpus.take(snakemake.resources.gpu)
    launch.run(
        snakemake.resources.processes,
        job_warmup.warm_up,
        snakemake.params.spec,
        int(snakemake.wildcards.seed),
        snakemake.params.code,
        data=snakemake.input.data,
        federation=snakemake.input.federation,
        selections=snakemake.input.get("selections", []),
        snapshots=snakemake.output.snapshots,
        metrics=snakemake.output.metrics,
        run_record=snakemake.output.record,
    )
