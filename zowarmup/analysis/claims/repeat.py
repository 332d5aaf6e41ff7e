"""Compare the verdicts with those of the same runs made once more, with other rounding errors."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.claims import words
from zowarmup.analysis.claims.decide import LEVEL

SETTINGS = (
    "algorithm_1", "algorithm_2", "estimator", "rounds", "pivot", "lr_1", "lr_2", "S", "tau", "eps",
    "batch_1", "batch_2", "epochs_1", "epochs_2", "participation_1", "participation_2", "clients",
    "d",
)  # fmt: skip
DECIDED = ("pivot", "lr_2")  # by probes, in a run that has some; kernels may change these numbers


def replaced(metrics: pd.DataFrame, repeat: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics with the repeat's rows in place of those of the same study, run and seed.

    All other runs stay, so that Holm counts as many tests as without the repeat. The column
    `repeated` says which rows are the repeat's.

    Raises:
        MetricsError: a run and its repeat differ in a setting.
    """
    _check(metrics, repeat)
    ours, theirs = (pd.MultiIndex.from_frame(rows[m.RUN]) for rows in (metrics, repeat))
    kept, new = metrics[~ours.isin(theirs)], repeat[theirs.isin(ours)]
    return pd.concat([kept.assign(repeated=False), new.assign(repeated=True)], ignore_index=True)


def confirmed(verdicts: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts; one that the repeat changes becomes inconclusive, with a note.

    Args:
        again: the verdicts on the replaced metrics, in the same order.
    """
    pairs = zip(verdicts.itertuples(), again.itertuples(), strict=True)
    changed = again["repeated"] & (verdicts["verdict"] != again["verdict"])
    return verdicts.assign(
        verdict=verdicts["verdict"].mask(changed, "inconclusive"),
        distance_repeat=again["distance"].where(again["repeated"]),
        note=["; ".join(filter(None, [one.note, _note(one, other)])) for one, other in pairs],
    )


def _check(metrics: pd.DataFrame, repeat: pd.DataFrame) -> None:
    """Raise a MetricsError for the first setting in which a run and its repeat differ."""
    ours, theirs = (rows.drop_duplicates(m.RUN) for rows in (metrics, repeat))
    both = ours.merge(theirs, on=m.RUN, suffixes=("", "_repeat"))
    probed = both[m.PROBED].notna() | (both[m.RULE] != "")
    for name in SETTINGS:
        one, other = both[name], both[f"{name}_repeat"]
        same = (one == other) | (one.isna() & other.isna()) | (probed & (name in DECIDED))
        for i in both.index[~same]:
            run, seed, study = both.loc[i, ["run", "seed", "study"]]
            raise m.MetricsError(
                f"the repeat is not one of these runs: run {run!r} seed {seed} of study {study!r} "
                f"has {name} {one[i]}, and in the repeat {other[i]}; run the config that `repeat` "
                "names again with this config's settings, or set `repeat: null`"
            )


def _note(one: Any, other: Any) -> str:
    """Return what the repeat says of a claim, "" if none of the claim's runs was repeated."""
    if not other.repeated:
        return ""
    change = f", not {one.verdict}" if other.verdict != one.verdict else ""
    effect = words.plain_effect(other.effect, other.unit)
    p = words.p_value(LEVEL - other.distance)
    return f"with other CPU kernels: {effect}, adjusted p {p}, {other.verdict}{change}"
