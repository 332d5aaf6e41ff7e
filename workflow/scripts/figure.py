"""Draws one figure in all its formats."""

from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    from zowarmup.analysis.figures.drawing import matplotlib_environment

    matplotlib_environment.shut_out()
    from zowarmup.analysis import metrics, probes
    from zowarmup.analysis.figures.drawing import write
    from zowarmup.common import files
    from zowarmup.config import registry, tables_and_figures
    from zowarmup.data import federation
    from zowarmup.plan import earlier_trials

    draw = registry.load(tables_and_figures.FIGURES, snakemake.wildcards.figure)
    paths = snakemake.params.federations  # empty unless the figure shows federations
    dealt = {name: federation.load(path).model_dump() for name, path in paths.items()}
    measured = [files.read_json(path) for path in snakemake.input.get("measured", [])]
    more = [one for one in (dealt, measured) if one]
    more += [probes.read(files) for files in [snakemake.params.probes] if files]
    more += [earlier_trials.read(file) for file in snakemake.input.get("trials", [])]
    write.write(draw(metrics.read(snakemake.input.metrics), *more), snakemake.output)
