"""Small runs for tests: settings, warm-ups and phases on ten clients of digits."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from zowarmup.algorithms.rounds import Algorithm, Cohort, Replayable, RoundRecord
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase_settings import PHASES
from zowarmup.plan.pivots.probe import ProbesSpec
from zowarmup.plan.specs import JobSpec, Phase, RunSpec, SelectionSpec, WarmupSpec
from zowarmup.plan.tuning_rule import product
from zowarmup.storage import checkpoint, journal
from zowarmup.training import loop, phases, run, warmup
from zowarmup.training import sizes as recorded
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs
from zowarmup.training.loop import Step
from zowarmup.training.phases import TrainingPhase
from zowarmup.training.selection import Trials

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
    "zo_average": {"lr": 0.03},
    "zo_scalar_moment": {"lr": 0.003},
    "zo_block": {"lr": 0.01},
    "zo_adam_smooth": {"lr": 0.001},
    "zo_orthogonal": {"lr": 0.03},
    "zo_groups": {"lr": 0.03, "groups": 3},
    "zo_low_rank": {"lr": 0.03},
    "zo_subset_auto": {"lr": 0.03},
    "zo_mixed": {"lr": 0.003, "client_lr": 0.1, "epochs": 1, "batch": 8}
    | {"normalise": True, "download": "int8", "average": "mean"},
}


def spec_of(*method: Spec, **settings: Any) -> Spec:
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
        "phases": list(method),
        "warmup": "fedavg-high" if len(method) > 1 else None,
    } | settings


def ready(context: Context, phase: Spec, *, after: int = WARM) -> TrainingPhase:
    """A phase that begins after a round, ready to train."""
    (own,) = phases.prepare(context, [Phase.read(phase)], after=after, number=2 if after else 1)
    return own


def steps_of(context: Context, phase: Spec, w: Tensor, *, first: int = WARM + 1) -> Iterator[Step]:
    own = ready(context, phase, after=first - 1)
    return loop.run(context, own, Step(first - 1, own.algorithm.begin(w), Costs()), SEEDS)


def last_of(steps: Iterator[Step]) -> Step:
    *_, last = steps
    return last


@dataclass(frozen=True)
class End:
    """The outcome of a run, its rows as in metrics.csv."""

    w: Tensor
    t: int
    rows: list[Spec]
    early_change: float


THIS: Spec = {"code": "this"}  # stands for all that decides a result


def finish(
    context: Context,
    spec: Spec,
    w: Tensor,
    folder: Path,
    provenance: Spec = THIS,
    costs: Costs | None = None,
) -> End:
    """The phases after the warm-up, from the model at the pivot; rows as in metrics.csv."""
    plan = RunSpec.read(spec)
    end = run.run(
        context,
        phases.of_run(context, plan),
        w,
        SEEDS,
        evaluate_every=plan.evaluate_every,
        folder=folder,
        provenance=provenance,
        costs=Costs() if costs is None else costs,
    )
    return End(end.w, end.t, [row.columns() for row in end.rows], end.early_change)


def replayable(phase: Spec, context: Context) -> Replayable:
    """Its algorithm for the network, as one that can be replayed."""
    return cast(Replayable, phases.of_model(phases.build(Phase.read(phase)), context.model))


def trajectory(
    context: Context,
    folder: Path,
    rounds: int = ALL,
    algorithm: str = "fedavg",
    probes: ProbesSpec | None = None,
    **settings: Any,
) -> warmup.Trajectory:
    phase = phase_of(algorithm, rounds, **{"clients": "high"} | settings)
    spec = WarmupSpec.read(without(spec_of(), {"phases", "warmup"}) | {"phase": phase})
    return warmup.run(
        context,
        ready(context, phase, after=0),
        SEEDS,
        evaluate_every=spec.evaluate_every,
        is_snapshot=spec.is_snapshot,
        folder=folder,
        snapshots=folder / "snapshots",
        provenance=THIS,
        probes=probes,
    )


def warm_up(
    context: Context, folder: Path, rounds: int = ALL, algorithm: str = "fedavg", **settings: Any
) -> list[Spec]:
    done = trajectory(context, folder, rounds, algorithm, **settings)
    return [row.columns() for row in done.rows]


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
    ("zo_average", {"average": "mean", "average_after": 4, "decay": "cosine", "decay_rounds": 30}),
    ("zo_scalar_moment", {"average": "exponential"}),
    ("zo_block", {"normalise": "block"}),
    ("zo_adam_smooth", {"second_moment": "momentum"}),
    ("zo_orthogonal", {}),
    ("zo_groups", {}),
    ("zo_low_rank", {"rank": 2}),
    ("zo_subset_auto", {"trial_steps": 2}),
    ("zo_scalar_moment", {"window": 5, "shared_directions": True, "distribution": "gaussian"}),
]


def equal_rows(rows: Sequence[Spec], others: Sequence[Spec]) -> bool:
    """As many rows on both sides, and each equal to its counterpart."""
    return len(rows) == len(others) and all(map(same, rows, others))


def tried(context: Context, spec: Spec, w: Tensor, folder: Path, seed: int = 3) -> list[Spec]:
    """All trials of a seed, with their work in a folder."""
    plan = SelectionSpec.read(spec)
    candidates = [(rates, plan.candidate(rates)) for rates in product(plan.axes)]
    trials = Trials(context, w, SEEDS, seed, folder / "state", THIS)
    return [asdict(trial) for trial in trials.run(candidates)]


def trial(*phases: Spec, seeds: Sequence[int] = (3,), **axes: Sequence[float]) -> Spec:
    """The description of a selection; an axis is named like `lr_2` for the lr of phase 2."""
    own = [dict(phase) for phase in phases]
    named = {}
    for axis, grid in axes.items():
        key, number = axis.rsplit("_", 1)
        named[f"{number}.{key}"] = list(grid)
        own[int(number) - 1][key] = {"selection": "this", "axis": f"{number}.{key}"}
    rest = without(spec_of(*own), {"warmup"})
    return rest | {"name": "this", "axes": named, "seeds": list(seeds)}


def algorithm(phase: Spec) -> Algorithm:
    """The algorithm of a phase."""
    return phases.build(Phase.read(phase))


def cohort(context: Context, phase: Spec, t: int, seeds: Seeds = SEEDS) -> Cohort:
    """The clients of round t of a phase."""
    return loop.cohort(context, ready(context, phase), t, seeds)


def row_of(context: Context, phase: Spec, step: Step) -> Spec:
    """A step as a row of metrics.csv."""
    return loop.row(context, ready(context, phase), step).columns()


def sizes(context: Context, *method: Spec) -> Spec:
    """The sizes in the run record of a method."""
    return recorded.sizes(context, [Phase.read(phase) for phase in method])


def entries_of(file: Path) -> list[Spec]:
    """The lines of a journal without its header."""
    return [entry for entry, _ in journal.scan(file)][1:]


def records_of(file: Path) -> list[RoundRecord]:
    """The rounds of a journal."""
    return list(map(RoundRecord.from_json, entries_of(file)))


def job_spec(**settings: Any) -> JobSpec:
    """The common part of `spec_of`, with other settings; those of the engine by a dict."""
    whole = without(spec_of(), {"phases", "warmup"})
    engine = whole["engine"] | settings.pop("engine", {})
    return JobSpec.read(whole | settings | {"engine": engine})
