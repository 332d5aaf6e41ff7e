"""The learning rates of the default config are those that the tuning rule chooses in full.yaml."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean

import workbench

from zowarmup.plan.plan import plan
from zowarmup.plan.specs import Phase, RunSpec

CONFIG = workbench.PROJECT / "config"
TRIALS = CONFIG / "trials.csv"
DEFAULT, FULL = (str(CONFIG / f"{name}.yaml") for name in ("config", "full"))


def chosen_again() -> dict[str, dict[str, float]]:
    """The choice of each selection, from the rows alone and without the code of the rule."""
    accuracy, late = (defaultdict[str, dict[str, list[float]]](dict) for _ in range(2))
    with TRIALS.open(newline="") as file:
        for row in csv.DictReader(file):
            for column, values in (("accuracy", accuracy), ("late", late)):
                own = values[row["selection"]].setdefault(row["rates"], [])
                own.append(float(row[column] or "nan"))
    return {name: _best(accuracy[name], late[name]) for name in accuracy}


def _best(accuracy: dict[str, list[float]], late: dict[str, list[float]]) -> dict[str, float]:
    """The best mean accuracy; within half a point the best late mean, then the smaller rate.

    No seed may diverge there or one step up in any rate.
    """
    means = {rates: fmean(own) for rates, own in accuracy.items()}
    lost = [json.loads(rates) for rates, mean in means.items() if mean != mean]
    means = {rates: mean for rates, mean in means.items() if mean == mean}
    safe = {rates: m for rates, m in means.items() if not _below(json.loads(rates), lost, accuracy)}
    means = safe or means
    close = [rates for rates, mean in means.items() if mean >= max(means.values()) - 0.005]
    read: dict[str, dict[str, float]] = {rates: json.loads(rates) for rates in close}
    best = min(close, key=lambda rates: (-fmean(late[rates]), read[rates][max(read[rates])]))
    return read[best]


def _below(rates: dict[str, float], lost: list[dict[str, float]], tried: Iterable[str]) -> bool:
    """Whether the next larger value of one rate, among all that were tried, is among the lost."""
    every = [json.loads(one) for one in tried]
    for axis, rate in rates.items():
        above = min((one[axis] for one in every if one[axis] > rate), default=None)
        if above is not None and {**rates, axis: above} in lost:
            return True
    return False


def test_every_trial_has_five_seeds_that_are_never_evaluated() -> None:
    seeds = defaultdict[tuple[str, str], list[int]](list)
    with TRIALS.open(newline="") as file:
        for row in csv.DictReader(file):
            seeds[row["selection"], row["rates"]].append(int(row["seed"]))
    assert set(map(tuple, seeds.values())) == {(50, 51, 52, 53, 54)}
    for made in (plan([DEFAULT]), plan([FULL])):
        evaluated = {seed for run in made.runs for seed in made.seeds_of(run)}
        assert not {50, 51, 52, 53, 54} & evaluated


def test_the_default_tunes_nothing_and_has_the_rates_that_its_trials_choose() -> None:
    made, tuned = plan([DEFAULT]), plan([FULL])
    assert made.selections == {}
    choices = chosen_again()
    for name, run in made.runs.items():
        for mine, full in zip(run.phases, tuned.runs[name].phases, strict=True):
            if full.algorithm == "zo_mixed":  # its step has a length of its own, given in both
                assert mine.lr == full.lr == 0.01
                local = full.client_lr
                assert mine.client_lr == choices[local.selection][local.axis], name
            else:
                assert mine.lr == choices[full.lr.selection][full.lr.axis], name


def test_both_configs_describe_the_same_runs() -> None:
    """All but the learning rates and the name of the warm-up, which methods of one rate share."""
    made, tuned = plan([DEFAULT]), plan([FULL])
    for name, run in made.runs.items():
        assert without_rates(run) == without_rates(tuned.runs[name]), name


def test_a_rate_given_in_full_yaml_is_one_that_its_trials_choose() -> None:
    """`same_as` would take that of FedAdam's default settings."""
    chosen = next(
        r for name, r in chosen_again().items() if name.startswith("fedadam_zo-beta20.99")
    )
    given = plan([FULL]).runs["reddi_both"].phases[0]
    assert (given.lr, given.client_lr) == (chosen["1.lr"], chosen["1.client_lr"])


def without_rates(run: RunSpec) -> tuple[dict[str, object], list[Phase]]:
    rates = dict.fromkeys(("lr", "client_lr"), 0.0)
    phases = [phase.model_copy(update=rates) for phase in run.phases]
    return run.model_dump(exclude={"phases", "warmup"}), phases
