"""Trains one warm-up: federation in, snapshots and metrics out."""

from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    from zowarmup.jobs import warmup
    from zowarmup.runtime import gpu_lock, launch

    gpu_lock.take(snakemake.resources.gpu)
    launch.run(
        snakemake.resources.processes,
        warmup.warm_up,
        snakemake.params.spec,
        int(snakemake.wildcards.seed),
        snakemake.params.code,
        data=snakemake.input.data,
        federation=snakemake.input.federation,
        selections=snakemake.input.get("selections", []),
        snapshots=snakemake.output.snapshots,
        metrics=snakemake.output.metrics,
        run_record=snakemake.output.run_record,
        probes=snakemake.output.get("probes"),
    )
