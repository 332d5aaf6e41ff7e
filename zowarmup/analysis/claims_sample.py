"""The accuracies that a claim compares, paired by seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.claims_file import Claim, Runs
from zowarmup.settings.yaml_file import ConfigError

Cell = Mapping[str, Any]  # column -> value


@dataclass(frozen=True)
class Sample:
    """Both sides of a claim: accuracies or gains (fractions) of the seeds that all cells have."""

    first: pd.Series
    second: pd.Series
    rows: pd.DataFrame  # the last rows of all runs that went in
    notes: list[str]


def sample_of(final: pd.DataFrame, claim: Claim, where: str) -> Sample:
    """The two sides of a claim; both are empty, with a note, where runs are absent.

    Args:
        final: the last rows of the runs of one scale.
        where: how the user finds the claim, for errors.

    Raises:
        ConfigError: the columns choose two runs of one seed where they should choose one.
    """
    study = final[final["study"] == claim.study]
    sides = [_terms(runs, claim.over) for runs in (claim.first, claim.second)]
    cells = [cell for terms in sides for term in terms for cell in term]
    absent = [cell for cell in cells if _choose(study, cell).empty]
    if absent:
        return _nothing(study, f"study {claim.study} has no runs with {_words(absent[0])}")
    try:
        pair = [_side(study, terms) for terms in sides]
    except ValueError as error:
        raise ConfigError(
            f"{where}: {error}; choose one run per seed by naming more columns"
        ) from None
    rows = pd.concat([_choose(study, cell) for cell in cells])
    rows = rows[~rows.index.duplicated()]
    common = pd.concat(pair, axis=1, join="inner").dropna()
    if common.empty:
        return _nothing(study, "the two sides have no seed in common")
    lone = sorted(set(rows["seed"]) - set(common.index))
    notes = [f"left out, not on both sides: seed {', '.join(map(str, lone))}"] if lone else []
    rows = rows[rows["seed"].isin(common.index)]
    return Sample(common.iloc[:, 0], common.iloc[:, 1], rows, notes)


def _nothing(study: pd.DataFrame, why: str) -> Sample:
    none = pd.Series(dtype=float)
    return Sample(none, none, study.iloc[:0], [why])


def _terms(runs: Runs, over: Runs) -> list[tuple[Cell, ...]]:
    """The cells of one side, each alone or followed by the cell that it is the gain over."""
    return [
        (cell, cell | base) if base else (cell,) for cell in runs.cells() for base in over.cells()
    ]


def _side(study: pd.DataFrame, terms: list[tuple[Cell, ...]]) -> pd.Series:
    """One number per seed: the mean over the terms, of the seeds that all of them have."""
    values = [[m.by_seed(_choose(study, cell)) for cell in term] for term in terms]
    gains = [value[0] - value[1] if len(value) > 1 else value[0] for value in values]
    return pd.concat(gains, axis=1).mean(axis=1, skipna=False)


def _choose(study: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    chosen = pd.Series(True, index=study.index)
    for column, value in cell.items():
        chosen &= study[column] == value
    return study[chosen]


def _words(cell: Cell) -> str:
    """Such as "split 50/50, pivot 200"."""
    shown = {c: f"{v:g}" if isinstance(v, float) else v for c, v in cell.items()}
    return ", ".join(f"{column} {value}" for column, value in shown.items())
