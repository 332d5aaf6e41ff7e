"""Trains one run from its pivot to its end: snapshot in, metrics and final model out."""

from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    from zowarmup.jobs import train
    from zowarmup.runtime import gpu_lock, launch

    gpu_lock.take(snakemake.resources.gpu)
    launch.run(
        snakemake.resources.processes,
        train.train_run,
        snakemake.params.spec,
        int(snakemake.wildcards.seed),
        snakemake.params.code,
        data=snakemake.input.data,
        federation=snakemake.input.federation,
        selections=snakemake.input.get("selections", []),
        warmup=snakemake.input.get("warmup"),
        warmup_metrics=snakemake.input.get("warmup_metrics"),
        probes=snakemake.input.get("probes"),
        metrics=snakemake.output.metrics,
        run_record=snakemake.output.run_record,
        final=snakemake.output.final,
    )
