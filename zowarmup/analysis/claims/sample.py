"""The numbers that a claim compares, paired by seed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from math import log, nan
from operator import sub
from typing import Any

import numpy as np
import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.claims.schema import MEASURES, Claim, MeasureName
from zowarmup.config.yaml_file import ConfigError

# A loss counts as at most this many times the loss of guessing. A diverged run has a larger loss,
# or one that is not a number; the size of its loss says nothing.
WORST_LOSS = 10.0
Cell = dict[str, Any]  # column -> value


@dataclass(frozen=True)
class Sample:
    """Both sides of a claim, with one number per seed, and the last rows of all runs behind them.

    `scale` names data set, network and d, because zeroth-order steps are easier in small networks.
    """

    first: pd.Series
    second: pd.Series
    rows: pd.DataFrame
    scale: str
    notes: list[str]

    def without_diverged(self) -> "Sample":
        """Return the sample of the seeds at which no run diverged."""
        gone = self.rows.loc[self.rows["diverged"], "seed"]
        first, second = (side[~side.index.isin(gone)] for side in (self.first, self.second))
        rows = self.rows[~self.rows["seed"].isin(gone)]
        return replace(self, first=first, second=second, rows=rows)


def samples(metrics: pd.DataFrame, claim: Claim, where: str) -> Iterator[Sample]:
    """Yield a sample of a claim for each scale at which its studies have runs, or one empty sample.

    A scale is a data set and a network, or only a data set if the claim compares networks. If the
    claim's columns choose two runs of one seed, a ConfigError names the claim by `where`.
    """
    rows, on = metrics[metrics["study"].isin(claim.studies)], ""
    if claim.dataset is not None:
        rows, on = rows[rows["dataset"] == claim.dataset], f" on {claim.dataset}"
    if rows.empty:
        yield _empty(rows, f"no runs of the study {' or '.join(claim.studies)}{on}")
    for _, at_scale in rows.groupby(["dataset"] if claim.across_models else m.SCALE):
        try:
            yield _sample(values(at_scale, claim.measure, claim.period), claim)
        except ValueError as error:
            raise ConfigError(
                f"{where}: {error}; choose one run per seed by naming more columns"
            ) from None


def _sample(final: pd.DataFrame, claim: Claim) -> Sample:
    """Return a claim's sides at a scale, or an empty sample with a note if there are no runs."""
    # A term is one cell, or two: a cell and the cell whose number is subtracted.
    over = claim.over.cells()
    sides = [
        [[cell, cell | base] if base else [cell] for cell in runs.cells() for base in over]
        for runs in (claim.first, claim.second)
        if not runs.chance
    ]
    chosen = [(cell, _choose(final, cell)) for terms in sides for term in terms for cell in term]
    for cell, rows in chosen:
        if rows.empty:
            texts = [f"{v:g}" if isinstance(v, float) else v for v in cell.values()]
            words = ", ".join(f"{column} {v}" for column, v in zip(cell, texts, strict=True))
            return _empty(final, f"study {' or '.join(claim.studies)} has no runs with {words}")
    pair = [_side(final, terms) for terms in sides]
    if len(pair) == 1:  # the other side is guessing
        pair.insert(0 if claim.first.chance else 1, _side(final, sides[0], "chance"))
    return _paired(pair, pd.concat([rows for _, rows in chosen]))


def _paired(pair: list[pd.Series], rows: pd.DataFrame) -> Sample:
    """Return the sample of the seeds that have a number on both sides."""
    rows = rows[~rows.index.duplicated()]
    common = pd.concat(pair, axis=1, join="inner").dropna()
    if common.empty:
        return _empty(rows, "no seed has a number on both sides")
    lone = sorted(set(rows["seed"]) - set(common.index))
    notes = [f"left out, no number on both sides: seed {', '.join(map(str, lone))}"] if lone else []
    rows = rows[rows["seed"].isin(common.index)]
    sizes = [f"{int(d):,}" for d in (rows["d"].min(), rows["d"].max())]
    scale = f"{_names(rows)}, d = {' to '.join(dict.fromkeys(sizes))}"
    return Sample(common.iloc[:, 0], common.iloc[:, 1], rows, scale, notes)


def _empty(rows: pd.DataFrame, note: str) -> Sample:
    nothing = pd.Series(dtype=float)
    return Sample(nothing, nothing, rows.iloc[:0], _names(rows), [note])


def _names(rows: pd.DataFrame) -> str:
    return ", ".join(" and ".join(rows[column].unique()) for column in m.SCALE if len(rows))


def _side(final: pd.DataFrame, terms: list[list[Cell]], column: str = "value") -> pd.Series:
    """Return one number per seed, the mean over the terms; NaN if a term lacks the seed."""
    numbers = [[m.by_seed(_choose(final, cell), column) for cell in term] for term in terms]
    return pd.concat([reduce(sub, term) for term in numbers], axis=1).mean(axis=1, skipna=False)


def _choose(rows: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    return rows[(rows[list(cell)] == pd.Series(cell)).all(axis=1)]


def values(rows: pd.DataFrame, measure: MeasureName, period: str) -> pd.DataFrame:
    """Return the last rows of the runs, with the number that a claim compares in column `value`.

    The number is that of the last row, or for the period "phase_2" the mean over the rounds of
    phase 2 (NaN without that phase). The column `chance` is the accuracy of guessing in per cent.
    """
    final = m.final_rows(rows)
    _, unit, columns = MEASURES[measure]
    value = (rows if period == "phase_2" else final)[list(columns)].sum(axis=1, skipna=False)
    if unit == "nats":
        bound = WORST_LOSS * log(final["classes"].max())
        value = value.where(np.isfinite(value), bound).clip(upper=bound)
    if period == "phase_2":
        means = m.means_over_phase_2(rows.assign(value=value), "value")
        value = [means.get(run, nan) for run in final[m.RUN].itertuples(index=False, name=None)]
    factor = 100 if unit == "points" else 1  # fractions become per cent
    return final.assign(value=factor * np.asarray(value), chance=100 / final["classes"])
