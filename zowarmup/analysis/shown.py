"""Make a table or figure of a config from its files: rows of metrics, and what it shows beside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zowarmup.analysis import metrics, probes
from zowarmup.analysis.tables import write as table_files
from zowarmup.common import files
from zowarmup.common.json_value import JsonObject
from zowarmup.config import registry, tables_and_figures
from zowarmup.data import federation
from zowarmup.plan import earlier_trials

Inputs = Mapping[str, str | list[str]]  # as plan.paths.Paths.shown_inputs names them
Outputs = Sequence[str | Path]


def table(name: str, inputs: Inputs, outputs: Outputs) -> None:
    """Write a table in the formats of the outputs' endings.

    Raises:
        UserError: an input is missing or damaged.
    """
    make = registry.load(tables_and_figures.TABLES, name)
    # Nothing unless the table shows more than metrics
    measured = [[*map(files.read_json, inputs["measured"])]] if "measured" in inputs else []
    more = [*measured, *_trials(inputs)]
    table_files.write(make(metrics.read(str(inputs["metrics"])), *more), outputs)


def figure(
    name: str,
    inputs: Inputs,
    outputs: Outputs,
    *,
    federations: Mapping[str, str],
    probed: Mapping[str, JsonObject],
) -> None:
    """Draw a figure in the formats of the outputs' endings.

    Args:
        federations: the files that the figure shows, by data set; see Paths.federations.
        probed: the files of probes that it shows, with their labels; see Paths.probed.

    Raises:
        UserError: an input is missing or damaged.
    """
    from zowarmup.analysis.figures.drawing import matplotlib_environment

    matplotlib_environment.shut_out()
    from zowarmup.analysis.figures.drawing import write

    draw = registry.load(tables_and_figures.FIGURES, name)
    dealt = {key: federation.load(path).model_dump() for key, path in federations.items()}
    measured = [*map(files.read_json, inputs.get("measured", []))]
    beside: list[Any] = [one for one in (dealt, measured) if one]
    beside += [probes.read(probed)] if probed else []
    more = [*beside, *_trials(inputs)]
    write.write(draw(metrics.read(str(inputs["metrics"])), *more), outputs)


def _trials(inputs: Inputs) -> list[Any]:
    return [earlier_trials.read(file) for file in inputs.get("trials", [])]
