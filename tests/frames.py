"""Metrics made by rule for the tests of tables and figures: every column, few rows."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from zowarmup.analysis.metrics import NUMBERS, PROBED, RULE, TEXT
from zowarmup.plan.earlier_trials import Row
from zowarmup.plan.tuning_rule import Trial

NAN = float("nan")
ROUNDS, PIVOT = 40, 20
LABELS = {
    "high_res_only": "High Res Only",
    "zowarmup": "ZOWarmUp",
    "zowarmup_high_only": "ZOWarmUp, high-resource data only (control)",
    "fedavg_all": "FedAvg, all clients (bound)",
    "heterofl": "HeteroFL, 2 levels",
    "fedkseed": "FedKSeed, random init",
    "fedkseed_warm": "FedKSeed from the warm-up",
    "zo_init": "Zeroth-order, random init",
    "zowarmup_local": "ZOWarmUp, several local steps",
    "zowarmup_adam": "ZOWarmUp, Adam at the server",
}
# method -> algorithm and clients of its phases
PHASES = {
    "high_res_only": [("fedavg", "high")],
    "zowarmup": [("fedavg", "high"), ("zo", "all")],
    "zowarmup_high_only": [("fedavg", "high"), ("zo", "high")],
    "fedavg_all": [("fedavg", "all")],
    "heterofl": [("heterofl", "all")],
    "fedkseed": [("fedkseed", "all")],
    "fedkseed_warm": [("fedavg", "high"), ("fedkseed", "all")],
    "zo_init": [("zo", "all")],
    "zowarmup_local": [("fedavg", "high"), ("zo_local", "all")],
    "zowarmup_adam": [("fedavg", "high"), ("zo_adam", "all")],
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
    base |= {"alpha": 0.1, "clients": 5, "high_clients": 1, "images": 8.0, "width": 1.0}
    base |= {"missing_classes": 1, "missing_recall": 0.25}
    base |= {"lr_1": 0.1, "d": 2410, "d_low": 2410, "directions": 0, "diverged": False}
    base |= {"classes": 2, RULE: "", PROBED: NAN}
    base |= phases(method) | columns
    varied = {"split": base["split"], "pivot": base["pivot"]} | columns
    name = "-".join([method, *(str(value) for key, value in varied.items() if key != "study")])
    return [
        base | {"run": name, "seed": seed} | row(accuracy, base, round_)
        for seed, accuracy in last.items()
        for round_ in range(0, ROUNDS + 1, 10)
    ]


def phases(method: str) -> dict[str, Any]:
    """What a method's phases are set to."""
    known = PHASES.get(method, [("fedavg", "all")])
    base: dict[str, Any] = {"lr_at_edge": "False"}
    for number, (algorithm, clients) in enumerate(known, start=1):
        base |= {f"algorithm_{number}": algorithm, f"clients_{number}": clients}
        base |= {f"participation_{number}": 1.0}
        if algorithm not in ("zo", "zo_adam"):
            base |= {f"epochs_{number}": 3, f"batch_{number}": 4}
    if len(known) > 1:
        base |= {"pivot": PIVOT, "lr_2": 0.1}
    if any(algorithm not in ("fedavg", "heterofl") for algorithm, _ in known):
        base |= {"tau": 0.75, "eps": 1e-4, "S": 3, "estimator": "two_point", "directions": 15}
        base |= {"shared_directions": "False"}
    if known[-1][0] == "fedkseed":
        base |= {"candidates": 64, "sampling": "uniform"}
    return base


def row(last: float, base: Mapping[str, Any], round_: int) -> dict[str, Any]:
    """What changes from round to round."""
    pivot = base["pivot"]
    first = min(round_, pivot) if pivot == pivot else round_
    second = round_ - first
    zeroth = base["directions"] > 0 and round_ > (pivot if pivot == pivot else 0)
    local = base["algorithm_2"] in ("zo_local", "fedkseed") and second > 0
    angle = math.sqrt(base["directions"] / (base["directions"] + base["d"]))
    return {
        "round": round_,
        "phase": 2 if second else 1,
        "test_accuracy": 0.1 + (last - 0.1) * round_ / ROUNDS,
        "train_loss": 2.3 - 2 * last * round_ / ROUNDS,
        "bytes_up": 1000 * first + second,
        "bytes_down": 2000 * first + second,
        "bytes_up_low": 0 if base["clients_1"] == "high" else 800 * first,
        "bytes_down_low": 0.8 * second + (0 if base["clients_1"] == "high" else 1600 * first),
        "forward_passes": 24 * first + 240 * second,
        "backward_passes": 24 * first,
        "drift": 0.01 * second if local else NAN,
        "gradient_cosine": angle * (0.8 + 0.1 * last) if zeroth else NAN,
        "dissimilarity": 4.0 + last if zeroth else NAN,
    }


def frame(*runs: Iterable[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame([row for rows in runs for row in rows])


def numbered(accuracies: Iterable[float]) -> dict[int, float]:
    return dict(enumerate(accuracies))


def around(mean: float, seeds: int) -> dict[int, float]:
    """A number of seeds, a hundredth apart."""
    return numbered(mean + 0.01 * s for s in range(seeds))


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
    """Every study, as far as a table or a figure can tell."""
    runs = [*main(seeds), *pivots(seeds), *distribution(seeds), *server(seeds), *steps(seeds)]
    studies = (networks(seeds), sweeps(seeds), pairs(seeds), estimators(seeds))
    studies += (depths(seeds), variances(seeds), adaptive(seeds))
    return frame(*runs, *(run for study in studies for run in study))


def main(seeds: int = 3) -> list[list[dict[str, Any]]]:
    """All methods on 10/90, the core on 50/50."""
    bonus = dict(zip(LABELS, (0.0, 0.1, -0.02, 0.2, 0.05, -0.25, 0.02, -0.2, 0.07), strict=False))
    splits = {"10/90": (0.4, tuple(bonus)), "50/50": (0.6, tuple(bonus)[:4])}
    return [
        run(method, around(base + bonus[method], seeds), split=split)
        for split, (base, methods) in splits.items()
        for method in methods
    ]


def pivots(seeds: int = 3) -> list[list[dict[str, Any]]]:
    """Three pivots on two splits."""
    return [
        run("zowarmup", around(0.5 + pivot / 200, seeds), study="pivot", split=split, pivot=pivot)
        for split in ("10/90", "50/50")
        for pivot in (10, 20, 30)
    ]


def distribution(seeds: int = 4) -> list[list[dict[str, Any]]]:
    """The four ways, each with its scale."""
    return [
        run("zowarmup", numbered(last[:seeds]), study="distribution", variant=variant, tau=tau)
        for variant, (tau, last) in WAYS.items()
    ]


def server(seeds: int = 3) -> list[list[dict[str, Any]]]:
    """Four of the variants, and a grid of Adam's settings."""
    variants = ("sgd", "adam_phase1", "adam_phase2", "reddi_both")
    runs = [
        run("zowarmup", around(0.6 - 0.05 * i, seeds), study="server", variant=variant)
        for i, variant in enumerate(variants)
    ]
    return runs + [
        run("zowarmup_adam", around(0.5, seeds), study="server_sweep", beta2=beta2, epsilon=epsilon)
        for beta2 in (0.9, 0.999)
        for epsilon in (1e-8, 1e-5, 1e-3, 1e-1)
    ]


def steps(seeds: int = 3) -> list[list[dict[str, Any]]]:
    """One step, four local ones, FedKSeed; of 8 images each. FedKSeed's two ways to choose."""
    kinds = {
        "one_step": ("zowarmup", 0.6, {}),
        "local_b4_e2": ("zowarmup_local", 0.55, {"epochs_2": 2, "batch_2": 4}),
        "fedkseed_warm": ("fedkseed_warm", 0.5, {"epochs_2": 1, "batch_2": 8}),
    }
    runs = [
        run(method, around(mean, seeds), study="steps", variant=variant, **columns)
        for variant, (method, mean, columns) in kinds.items()
    ]
    return runs + [
        run("fedkseed", around(0.5, seeds), study="fedkseed", variant=way, sampling=way)
        for way in ("uniform", "pro")
    ]


def networks(seeds: int = 3) -> list[list[dict[str, Any]]]:
    """High Res Only and one other method with two networks."""
    studies = {
        "architecture": ("zowarmup", (("resnet_tiny", 4000, 0.5), ("vit_tiny", 12_000, 0.4))),
        "heterofl": ("heterofl", (("tiny", 3000, 0.5), ("tiny_gn", 3000, 0.6))),
    }
    return [
        run(method, around(mean + more, seeds), study=study, model=model, d=d)
        for study, (other, models) in studies.items()
        for model, d, mean in models
        for method, more in (("high_res_only", 0.0), (other, 0.1))
    ]


def sweeps(seeds: int = 3) -> list[list[dict[str, Any]]]:
    """The studies of ZOWarmUp alone."""
    grids: dict[str, list[dict[str, Any]]] = {
        "S": [{"S": S} for S in (1, 3, 8)],
        "tau": [{"tau": tau} for tau in (0.1, 0.75, 1.0, 3.0)],
        "eps": [{"eps": eps} for eps in (1e-6, 1e-4, 1e-2)],
        "lr": [{"lr_2": lr} for lr in (0.01, 0.1, 1.0)],
        "seeds_shared": [{"shared_directions": word} for word in ("False", "True")],
        "participation": [
            {"participation_1": a, "participation_2": b} for a in (0.5, 1.0) for b in (0.5, 1.0)
        ],
    }
    return [
        run("zowarmup", around(0.5 + 0.02 * i, seeds), study=study, **point)
        for study, points in grids.items()
        for i, point in enumerate(points)
    ]


def pairs(seeds: int = 3) -> list[list[dict[str, Any]]]:
    """The studies that have High Res Only beside ZOWarmUp."""
    grids: dict[str, list[dict[str, Any]]] = {
        "alpha": [{"alpha": alpha} for alpha in (0.01, 0.1, 1.0, math.inf)],
        "clients": [
            {"clients": K, "high_clients": K // 5, "images": 400 / K} for K in (10, 50, 200)
        ],
        "width": [{"width": w, "d": int(2410 * w)} for w in (0.25, 1.0, 4.0)],
        "extreme": [{"split": "2/98"}],
        "memory": [{"split": "memory"}],
    }
    return [
        run(method, around(0.4 + more + 0.03 * i, seeds), study=study, **point)
        for study, points in grids.items()
        for i, point in enumerate(points)
        for method, more in (("high_res_only", 0.0), ("zowarmup", 0.1))
    ]


def estimators(seeds: int = 3) -> list[list[dict[str, Any]]]:
    """Two-point differences for the first seed, their limit for all."""
    return [
        run("zowarmup", around(0.5, count), study="estimator", variant=name, estimator=name)
        for name, count in (("directional", seeds), ("two_point", 1))
    ]


DEPTHS = {"mlp": 2410, "mlp5": 6634, "mlp5_he": 6634}


def depths(seeds: int = 3) -> list[list[dict[str, Any]]]:
    """Three networks; training from scratch fails in the second."""
    means = {"mlp": (0.6, 0.8, 0.7), "mlp5": (0.6, 0.2, 0.7), "mlp5_he": (0.6, 0.6, 0.7)}
    methods = ("high_res_only", "zo_init", "zowarmup")
    return [
        run(method, around(mean, seeds), study="depth", model=model, d=DEPTHS[model])
        for model, row in means.items()
        for method, mean in zip(methods, row, strict=True)
    ]


def curvature(seeds: int = 3) -> list[dict[str, Any]]:
    """The measurements of `depths`: |g|^2 differs by network, and is larger at the pivot."""
    squares = {"mlp": 0.4, "mlp5": 0.004, "mlp5_he": 2.0}
    same = {
        "dissimilarity": 30.0,
        "trace": 20.0,
        "trace_error": 0.5,
        "top": 1.0,
        "top_change": 1e-3,
    }
    return [
        {"dataset": "digits", "model": model, "width": 1.0, "split": "10/90", "seed": seed}
        | {
            "points": [
                {"round": t, "gradient_square": square * (1 + 0.1 * seed + t / 2)} | same
                for t in (0, PIVOT)
            ]
        }
        for model, square in squares.items()
        for seed in range(seeds)
    ]


def variances(seeds: int = 3) -> list[list[dict[str, Any]]]:
    """Two methods in which one seed varies, or all."""
    return [
        run(method, numbered(0.5 + step * i for i in range(seeds)), study="variance", variant=name)
        for method in ("high_res_only", "zowarmup")
        for name, step in (("federation", 0.04), ("directions", 0.02), ("all", 0.05))
    ]


def adaptive(seeds: int = 3) -> list[list[dict[str, Any]]]:
    """Three fixed pivots, and a rule that decides one of them."""
    fixed = [
        run("zowarmup", around(0.5 + pivot / 200, seeds), study="adaptive_pivot", pivot=pivot)
        for pivot in (10, 20, 30)
    ]
    decided = {"pivot": 20, RULE: "plateau", PROBED: 20.0, "variant": "plateau"}
    return [*fixed, run("zowarmup", around(0.6, seeds), study="adaptive_pivot", **decided)]


def probes(seeds: int = 3) -> pd.DataFrame:
    """The probes of `adaptive`: |g|^2 grows with the rounds."""
    labels = {"dataset": "digits", "model": "mlp", "split": "10/90", "alpha": 0.1}
    same = {"dissimilarity": 3.0, "trace": 10.0, "curvature": 2.0}
    rows = [
        labels | same | {"seed": seed, "round": t, "heldout": 0.01 * t, "gradient_square": 1.0 + t}
        for seed in range(seeds)
        for t in range(10, ROUNDS + 1, 10)
    ]
    return pd.DataFrame(rows)


def growth() -> list[dict[str, Any]]:
    """The memory of two roles in a network that reads text, at three lengths of the context."""
    return [
        {"model": "gpt_tiny", "role": role, "d": 50_000, "images": 1, "shape": [context]}
        | {"formula_bytes": size * context, "allocator_peak_bytes": 1.1 * size * context}
        for role, size in (("high", 40_000), ("low", 9_000))
        for context in (64, 256, 1024)
    ]


def federation() -> dict[str, Any]:
    """Five clients, three labels; the high-resource client of 10/90 is number 3 and lacks two."""
    return {
        "order": [3, 0, 4, 2, 1],
        "label_counts": [[0, 8, 0], [4, 4, 0], [0, 0, 8], [8, 0, 0], [2, 3, 3]],
    }


def trials() -> list[Row]:
    """Trials of two selections: one of two rates that partly diverges, one that only guesses."""
    best = {(0.1, 0.02): 0.6, (0.1, 0.03): 0.5, (0.3, 0.02): 0.55, (0.3, 0.03): None}
    cells: list[tuple[str, dict[str, float], float | None]] = [
        ("zowarmup", {"1.lr": first, "2.lr": second}, mean)
        for (first, second), mean in best.items()
    ]
    cells += [("zo_init", {"1.lr": lr}, 0.1) for lr in (0.01, 0.02, 0.04)]
    return [
        (name, name, 0.1, Trial(rates, seed))
        if mean is None
        else (name, name, 0.1, Trial(rates, seed, mean + s, mean, 3 - sum(rates.values())))
        for name, rates, mean in cells
        for seed, s in ((50, -0.01), (51, 0.0), (52, 0.01))
    ]
