"""The table of learning rates: what the tuning rule chose for each method, from how many trials."""

from collections.abc import Sequence
from math import inf
from typing import Any

import pandas as pd

from zowarmup.analysis.tables.cells import captioned
from zowarmup.plan.earlier_trials import Row, by_selection
from zowarmup.plan.tuning_rule import Trial, by_candidate, choose

CAPTION = (
    "Learning rates: for each selection the chosen rates (phase and setting), the mean held-out "
    "accuracy and loss of all clients over the tuning seeds, the number of candidates that were "
    "tried and of those that diverged on a seed, and whether the choice lies at an edge of them. "
    "The accuracy decides among candidates from which no single step up leads to one that "
    "diverged; the loss is shown beside it, with the rates that it would choose."
)


def table(metrics: pd.DataFrame, trials: Sequence[Row]) -> pd.DataFrame:
    """Return a row for each selection, in the order of their names."""
    selections = by_selection(trials).items()
    return captioned([_row(name, own, chance) for name, (chance, own) in selections], CAPTION)


def _row(name: str, trials: list[Trial], chance: float) -> dict[str, Any]:
    chosen = choose(trials, chance)
    return {
        "selection": name,
        "rates": _words(chosen.rates),
        "accuracy": chosen.accuracy,
        "loss": chosen.loss,
        "by_loss": _words(_lowest_loss(trials)),
        "seeds": len({trial.seed for trial in trials}),
        "tried": chosen.tried,
        "diverged": len({trial.candidate for trial in trials if trial.accuracy is None}),
        "edges": ", ".join(chosen.edges),
        "trains": "yes" if chosen.trains else "no",
    }


def _lowest_loss(trials: list[Trial]) -> dict[str, float]:
    """Return the rates that the lowest mean held-out loss would choose."""
    losses = {
        candidate: sum(inf if trial.loss is None else trial.loss for trial in own)
        for candidate, own in by_candidate(trials).items()
    }
    best = min(losses, key=lambda candidate: losses[candidate])
    return dict(best)


def _words(rates: dict[str, float]) -> str:
    return ", ".join(f"{axis} {rate:g}" for axis, rate in rates.items())
