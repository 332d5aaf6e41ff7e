"""One figure in all its formats."""

from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    from zowarmup.analysis.figures.drawing import matplotlib_environment

    matplotlib_environment.shut_out()
    from zowarmup.analysis import metrics
    from zowarmup.analysis.figures.drawing import write
    from zowarmup.config import registry
    from zowarmup.data import federation

    draw = registry.load(registry.FIGURES, snakemake.wildcards.figure)
    named = snakemake.params.federations
    dealt = {
        dataset: federation.load(path).model_dump(mode="json") for dataset, path in named.items()
    }
    write.write(draw(metrics.read(snakemake.input.metrics), dealt), snakemake.output)
