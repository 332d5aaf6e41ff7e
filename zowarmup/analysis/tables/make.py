"""Make a table of a config from its files: rows of metrics, and what it shows beside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zowarmup.analysis import metrics
from zowarmup.analysis.tables import write
from zowarmup.common import files
from zowarmup.config import registry, tables_and_figures
from zowarmup.plan import earlier_trials

Inputs = Mapping[str, str | list[str]]


def make(name: str, inputs: Inputs, outputs: Sequence[str | Path]) -> None:
    """Write a table in the formats of the outputs' endings.

    Args:
        inputs: the files that it shows, as plan.paths.Paths.shown_inputs names them.

    Raises:
        UserError: an input is missing or damaged.
    """
    table = registry.load(tables_and_figures.TABLES, name)
    # Nothing unless the table shows more than metrics
    more: list[Any] = [[*map(files.read_json, inputs["measured"])]] if "measured" in inputs else []
    more += [earlier_trials.read(file) for file in inputs.get("trials", [])]
    write.write(table(metrics.read(str(inputs["metrics"])), *more), outputs)
