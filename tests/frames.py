"""Metrics made by rule for the tests of tables and figures: every column, few rows."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from zowarmup.analysis.metrics import NUMBERS, TEXT

NAN = float("nan")
ROUNDS, PIVOT = 40, 20
LABELS = {
    "high_res_only": "High Res Only",
    "zowarmup": "ZOWarmUp",
    "zowarmup_high_only": "ZOWarmUp, high-resource data only (control)",
    "fedavg_all": "FedAvg, all clients (bound)",
}
WAYS = {
    "rademacher": (0.75, [0.60, 0.64, 0.62, 0.66]),
    "gaussian_tau1_same_lr": (1.0, [0.50, 0.62, 0.54, 0.66]),
    "gaussian_tau075_same_lr": (0.75, [0.61, 0.63, 0.65, 0.64]),
    "gaussian_own_lr": (0.75, [0.62, 0.63, 0.60, 0.65]),
}


def run(method: str, last: Mapping[int, float], **columns: Any) -> list[dict[str, Any]]:
    """The rows of one run for each seed: from 0.1 straight to its last accuracy.

    Phase 2 exchanges a thousandth of the bytes of phase 1. A method without pivot has no phase 2.
    """
    base: dict[str, Any] = dict.fromkeys(TEXT, "") | dict.fromkeys(NUMBERS, NAN)
    base |= {"study": "main", "dataset": "digits", "model": "mlp", "split": "10/90"}
    base |= {"method": method, "label": LABELS.get(method, method), "rounds": ROUNDS}
    base |= {"alpha": 0.1, "clients": 5, "missing_classes": 1, "missing_recall": 0.25}
    base |= {"lr_1": 0.1, "d": 2410, "directions": 0, "diverged": False}
    base |= {"recall_0": 0.5, "recall_1": 0.25}
    if method.startswith("zowarmup"):
        base |= {"pivot": PIVOT, "lr_2": 0.1, "tau": 0.75, "estimator": "two_point"}
    base |= columns
    name = "-".join(str(base[c]) for c in ("method", "split", "variant", "pivot"))
    return [
        base | {"run": name, "seed": seed} | row(accuracy, base["pivot"], round_)
        for seed, accuracy in last.items()
        for round_ in range(0, ROUNDS + 1, 10)
    ]


def row(last: float, pivot: float, round_: int) -> dict[str, Any]:
    """What changes from round to round."""
    first = min(round_, pivot) if pivot == pivot else round_
    return {
        "round": round_,
        "phase": 1 if first == round_ else 2,
        "test_accuracy": 0.1 + (last - 0.1) * round_ / ROUNDS,
        "bytes_up": 1000 * first + (round_ - first),
        "bytes_down": 2000 * first + (round_ - first),
    }


def frame(*runs: Iterable[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame([row for rows in runs for row in rows])


def numbered(accuracies: Iterable[float]) -> dict[int, float]:
    return dict(enumerate(accuracies))


def diverge(metrics: pd.DataFrame, seed: int, at: int, **chosen: Any) -> pd.DataFrame:
    """The metrics as if the chosen runs of a seed had diverged at a round, without an accuracy."""
    here = metrics["seed"] == seed
    for column, value in chosen.items():
        here &= metrics[column] == value
    changed = metrics[~here | (metrics["round"] <= at)].copy()
    last = here.reindex(changed.index) & (changed["round"] == at)
    changed.loc[last, "diverged"] = True
    changed.loc[last, "test_accuracy"] = NAN
    return changed


def everything(seeds: int = 3) -> pd.DataFrame:
    """The three studies, as far as a figure can tell."""
    bonus = {"high_res_only": 0.0, "zowarmup": 0.1, "zowarmup_high_only": -0.02, "fedavg_all": 0.2}
    runs = [
        run(method, numbered(base + more + 0.01 * s for s in range(seeds)), split=split)
        for split, base in (("10/90", 0.4), ("50/50", 0.6))
        for method, more in bonus.items()
    ]
    runs += [
        run(
            "zowarmup",
            numbered(0.5 + pivot / 200 + 0.01 * s for s in range(seeds)),
            study="pivot",
            split=split,
            pivot=pivot,
        )
        for split in ("10/90", "50/50")
        for pivot in (10, 20, 30)
    ]
    return frame(*runs, *distribution(seeds))


def distribution(seeds: int = 4) -> list[list[dict[str, Any]]]:
    """The four ways, each with its scale."""
    return [
        run("zowarmup", numbered(last[:seeds]), study="distribution", variant=variant, tau=tau)
        for variant, (tau, last) in WAYS.items()
    ]


def federation() -> dict[str, Any]:
    """Five clients, three labels; the high-resource client of 10/90 is number 3 and lacks two."""
    return {
        "order": [3, 0, 4, 2, 1],
        "label_counts": [[0, 8, 0], [4, 4, 0], [0, 0, 8], [8, 0, 0], [2, 3, 3]],
    }
