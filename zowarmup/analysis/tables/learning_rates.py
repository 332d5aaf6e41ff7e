"""The table of learning rates: what the tuning rule chose for each method, from how many trials."""

import json
from math import inf
from pathlib import Path
from typing import Any

import pandas as pd

from zowarmup.analysis.tables.cells import captioned
from zowarmup.common.errors import reading
from zowarmup.plan.earlier_trials import EarlierTrials
from zowarmup.plan.tuning_rule import Choice, Trial, choose

CAPTION = (
    "Learning rates: for each selection the chosen rates (phase and setting), the mean held-out "
    "accuracy and loss of all clients over the tuning seeds, the number of candidates that were "
    "tried and of those that diverged on a seed, and whether the choice lies at an edge of them. "
    "The accuracy decides; the loss is shown beside it, with the rates that it would choose."
)


def read(file: Path | str) -> pd.DataFrame:
    """Return the trials of a file, one a row, `rates` as a mapping.

    Raises:
        UserError: the file is missing or damaged.
    """
    EarlierTrials(file)  # checks it
    with reading(file):
        return pd.read_csv(file).assign(rates=lambda rows: rows["rates"].map(json.loads))


def table(metrics: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each selection, in the order of their names."""
    return captioned([_row(str(name), own) for name, own in trials.groupby("selection")], CAPTION)


def trials_of(rows: pd.DataFrame) -> list[Trial]:
    """Return the trials of one selection."""
    whole = rows["accuracy"].notna()
    numbers = (rows[key].astype(object).where(whole, None) for key in ("accuracy", "late", "loss"))
    return [Trial(*row) for row in zip(rows["rates"], rows["seed"], *numbers, strict=True)]


def _row(name: str, rows: pd.DataFrame) -> dict[str, Any]:
    trials, chance = trials_of(rows), float(rows["chance"].iloc[0])
    chosen = choose(trials, chance)
    lost = {tuple(t.rates.values()) for t in trials if t.accuracy is None}
    return {
        "selection": name,
        "rates": _words(chosen.rates),
        "accuracy": chosen.accuracy,
        "loss": chosen.loss,
        "by_loss": _words(_lowest_loss(trials, chosen)),
        "seeds": rows["seed"].nunique(),
        "tried": chosen.tried,
        "diverged": len(lost),
        "edges": ", ".join(chosen.edges),
        "trains": "yes" if chosen.trains else "no",
    }


def _lowest_loss(trials: list[Trial], chosen: Choice) -> dict[str, float]:
    """Return the rates that the lowest mean held-out loss would choose."""
    losses: dict[tuple[float, ...], float] = {}
    for trial in trials:
        key = tuple(trial.rates.values())
        losses[key] = losses.get(key, 0.0) + (inf if trial.loss is None else trial.loss)
    best = min(losses, key=lambda key: losses[key])
    return dict(zip(chosen.rates, best, strict=True))


def _words(rates: dict[str, float]) -> str:
    return ", ".join(f"{axis} {rate:g}" for axis, rate in rates.items())
