"""Small runs for tests: settings, warm-ups and phases on ten clients of digits."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from zowarmup.algorithms.rounds import Replayable
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase_settings import PHASES
from zowarmup.storage import checkpoint
from zowarmup.training import loop, run, warmup
from zowarmup.training import selection as select
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs
from zowarmup.training.loop import Step
from zowarmup.training.run import Outcome

SEEDS = Seeds.of(3, {})


WARM, ALL = 10, 40  # rounds up to the pivot, and of the whole run


Spec = dict[str, Any]


def fedavg(rounds: int = WARM, **settings: Any) -> Spec:
    defaults = {"clients": "high", "lr": 0.1, "epochs": 1, "batch": 8}
    given = defaults | settings | {"algorithm": "fedavg", "rounds": rounds}
    return PHASES["fedavg"].model_validate(given).model_dump()


def zo(rounds: int = ALL - WARM, **settings: Any) -> Spec:
    given = {"clients": "all", "lr": 0.03} | settings | {"algorithm": "zo", "rounds": rounds}
    return PHASES["zo"].model_validate(given).model_dump()


def phase_of(algorithm: str, rounds: int = ALL - WARM, **settings: Any) -> Spec:
    """A phase of any kind on all clients, small enough for a test."""
    given = {"clients": "all", **SMALL[algorithm], **settings}
    made = PHASES[algorithm].model_validate(given | {"algorithm": algorithm, "rounds": rounds})
    return made.model_dump()


SMALL: dict[str, Spec] = {
    "fedavg": {"lr": 0.1, "epochs": 1, "batch": 8},
    "fedadam": {"lr": 0.01, "client_lr": 0.1, "epochs": 1, "batch": 8},
    "heterofl": {"lr": 0.1, "epochs": 1, "batch": 8},
    "zo": {"lr": 0.03},
    "zo_adam": {"lr": 0.001},
    "zo_local": {"lr": 0.003, "epochs": 2, "batch": 8},
    "fedkseed": {"lr": 0.003, "K": 64, "batch": 8},
}


def spec_of(*phases: Spec, **settings: Any) -> Spec:
    """A run as a plan describes it, after a warm-up unless there is but one phase."""
    engine = {
        "name": "batched",
        "device": "cpu",
        "threads": 1,
        "micro_batch": 64,
        "precision": "float32",
        "channels_last": False,
        "options": {},
    }
    return {
        "dataset": "digits",
        "federation": "default",
        "split": "30/70",
        "model": "mlp",
        "width": 1.0,
        "engine": engine,
        "pin": {},
        "evaluate_every": 5,
        "snapshot_every": 5,
        "phases": list(phases),
        "warmup": "fedavg-high" if len(phases) > 1 else None,
    } | settings


def steps_of(context: Context, phase: Spec, w: Tensor, *, first: int = WARM + 1) -> Iterator[Step]:
    state = loop.algorithm(phase).begin(w)
    return loop.run(context, phase, state, SEEDS, first=first, costs=Costs())


def last_of(steps: Iterator[Step]) -> Step:
    *_, last = steps
    return last


THIS: Spec = {"code": "this"}  # stands for all that decides a result


def finish(
    context: Context,
    spec: Spec,
    w: Tensor,
    folder: Path,
    provenance: Spec = THIS,
    costs: Costs | None = None,
) -> Outcome:
    """The phases after the warm-up, from the model at the pivot."""
    spent = Costs() if costs is None else costs
    return run.run(context, spec, w, SEEDS, folder=folder, provenance=provenance, costs=spent)


def replayable(phase: Spec) -> Replayable:
    """Its algorithm as one that can be replayed."""
    return cast(Replayable, loop.algorithm(phase))


def warm_up(
    context: Context, folder: Path, rounds: int = ALL, algorithm: str = "fedavg", **settings: Any
) -> list[Spec]:
    phase = without(phase_of(algorithm, rounds, **{"clients": "high"} | settings), {"rounds"})
    spec = spec_of() | {"phase": phase, "rounds": rounds}
    return warmup.run(
        context, spec, SEEDS, folder=folder, snapshots=folder / "snapshots", provenance=THIS
    )


def at(context: Context, folder: Path, t: int) -> Tensor:
    return checkpoint.weights(checkpoint.snapshot(folder / "snapshots", t), context.model)


def without(row: Spec, names: set[str]) -> Spec:
    return {name: value for name, value in row.items() if name not in names}


def same(a: Spec, b: Spec) -> bool:
    """Equal, a missing number being equal to itself."""
    return a.keys() == b.keys() and all(a[k] == b[k] or (a[k] != a[k] and b[k] != b[k]) for k in a)


RECORDED: list[tuple[str, Spec]] = [
    ("zo_adam", {}),
    ("zo_adam", {"bias_correction": False, "distribution": "gaussian"}),
    ("zo_local", {}),
    ("zo_local", {"S": 2, "distribution": "gaussian"}),
    ("fedkseed", {}),
    ("fedkseed", {"sampling": "pro", "distribution": "rademacher"}),
]


def equal_rows(rows: Sequence[Spec], others: Sequence[Spec]) -> bool:
    """As many rows on both sides, and each equal to its counterpart."""
    return len(rows) == len(others) and all(map(same, rows, others))


def chosen(context: Context, spec: Spec, w: Tensor, folder: Path, seed: int = 3) -> list[Spec]:
    """All trials of a seed, with their work in a folder."""
    return select.trials(context, spec, w, SEEDS, seed, folder=folder / "state", provenance=THIS)


def trial(phase: Spec, grid: Sequence[float] = (0.1,), rounds: int = 12) -> Spec:
    own = {key: value for key, value in phase.items() if key not in ("lr", "rounds")}
    spec = {"phase": own, "start": WARM, "rounds": rounds, "grid": list(grid), "seeds": [3]}
    return without(spec_of(), {"phases"}) | spec
