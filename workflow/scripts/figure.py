"""One figure in all its formats."""

from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    from zowarmup.analysis.figures import surroundings

    surroundings.shut_out()
    from zowarmup.analysis import metrics
    from zowarmup.analysis.figures import write
    from zowarmup.data import sealed
    from zowarmup.settings import registry

    draw = registry.load(registry.FIGURES, snakemake.wildcards.figure)
    named = snakemake.params.federations
    dealt = {dataset: sealed.read(path) for dataset, path in named.items()}
    write.write(draw(metrics.read(snakemake.input.metrics), dealt), snakemake.output)
