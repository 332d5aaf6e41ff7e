"""Make a figure of a config from its files: rows of metrics, and what it shows beside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zowarmup.analysis.figures.drawing import matplotlib_environment
from zowarmup.common.json_value import JsonObject
from zowarmup.config import registry, tables_and_figures

Inputs = Mapping[str, str | list[str]]


def make(
    name: str,
    inputs: Inputs,
    outputs: Sequence[str | Path],
    *,
    federations: Mapping[str, str],
    probed: Mapping[str, JsonObject],
) -> None:
    """Draw a figure in the formats of the outputs' endings.

    Args:
        inputs: the files that it shows, as plan.paths.Paths.shown_inputs names them.
        federations: the files that the figure shows, by data set; see Paths.federations.
        probed: the files of probes that it shows, with their labels; see Paths.probed.

    Raises:
        UserError: an input is missing or damaged.
    """
    matplotlib_environment.shut_out()
    from zowarmup.analysis import metrics, probes
    from zowarmup.analysis.figures.drawing import write
    from zowarmup.common import files
    from zowarmup.data import federation
    from zowarmup.plan import earlier_trials

    draw = registry.load(tables_and_figures.FIGURES, name)
    dealt = {key: federation.load(path).model_dump() for key, path in federations.items()}
    measured = [*map(files.read_json, inputs.get("measured", []))]
    more: list[Any] = [one for one in (dealt, measured) if one]
    more += [probes.read(probed)] if probed else []
    more += [earlier_trials.read(file) for file in inputs.get("trials", [])]
    write.write(draw(metrics.read(str(inputs["metrics"])), *more), outputs)
