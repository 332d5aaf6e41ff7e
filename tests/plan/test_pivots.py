"""Rules that decide the pivot and the rate of phase 2, on probes made by hand; their settings."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from zowarmup.config.phase import AUTO
from zowarmup.config.pivot import Gap, Plateau, Progress, Variance
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.pivots.estimate import AVERAGE, PART, Averaging, Estimate, groups, rate
from zowarmup.plan.pivots.probe import Probe, costs_until
from zowarmup.plan.pivots.rules import decide
from zowarmup.plan.plan import Plan, plan

SPAN = {"earliest": 10, "latest": 90}
PAPER = {"tau": 0.5, "scaling": "paper"}
P = Averaging(100)
TINY = Path(__file__).parents[1] / "tiny.yaml"


def probe(t: int, **values: float) -> Probe:
    """|g|^2 = 4, B^2 = 2, T = 100, lambda = 1: with P = 100 a limit of 3 and a gain of 2/3."""
    given = {"gradient_square": 4.0, "dissimilarity": 2.0, "trace": 100.0, "curvature": 1.0}
    given |= {"loss": 1.0, "loss_high": 1.0, "loss_low": 1.0, "heldout": 0.5} | values
    errors = dict.fromkeys(("gradient_square", "dissimilarity", "trace"), 0.1)
    return Probe(
        round=t,
        **given,
        **{f"{name}_error": error for name, error in errors.items()},
        **dict.fromkeys(("heldout_high", "heldout_low"), 0.5),
        **dict.fromkeys(("bytes_up", "bytes_down", "bytes_up_low", "bytes_down_low"), t),
        **dict.fromkeys(("forward_passes", "backward_passes"), 1),
    )


def probes(**columns: list[float]) -> list[Probe]:
    """Probes every tenth round, with these values."""
    rows: Iterator[tuple[float, ...]] = zip(*columns.values(), strict=True)
    return [
        probe(10 * i, **dict(zip(columns, row, strict=True))) for i, row in enumerate(rows, start=1)
    ]


def test_gain_and_limit_by_hand() -> None:
    estimate = Estimate.of([probe(10)])
    assert estimate.limit(P) == pytest.approx(1 + 2 * 100 / 100)
    assert estimate.gain(P) == pytest.approx(4 / (2 * 3))
    assert estimate.limit(Averaging(100, own=0.0)) == pytest.approx(1 + 100 / 100)
    assert Estimate.of([probe(10, trace=-5.0)]).limit(P) == 1.0
    assert math.isnan(Estimate.of([probe(10, trace=-5.0, curvature=-1.0)]).gain(P))


def test_dissimilarity_is_a_ratio_of_means() -> None:
    """(4 * 2 + 12 * 6) / 2 over (4 + 12) / 2."""
    two = [probe(10), probe(20, gradient_square=12.0, dissimilarity=6.0)]
    assert Estimate.of(two).dissimilarity == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("settings", "P", "own"),
    [
        ({}, 3 * 10, 1.0),
        ({"shared_directions": True}, 3, 0.0),
        ({"groups": 4}, 3 * 4, 3 / 9),
        ({"groups": 50}, 3 * 10, 1.0),
        ({"groups": AUTO}, 3 * 10, 1.0),
    ],
)
def test_directions_of_a_round(settings: dict[str, object], P: int, own: float) -> None:
    found = Averaging.of({"S": 3} | settings, clients=20, participation=0.5)
    assert found == Averaging(P, own)


def test_groups_cost_a_part_of_the_dissimilarity() -> None:
    """B^2 = 2: with 4 groups of 10 clients B_G^2 = 1 + 3 / 9, over 12 directions."""
    averaging = Averaging.of({"S": 3, "groups": 4}, clients=10, participation=1.0)
    limit = Estimate.of([probe(10)]).limit(averaging)
    assert limit == pytest.approx(1 + (1 + 3 / 9) * 100 / 12)


@pytest.mark.parametrize(("dissimilarity", "G"), [(2.0, 20), (19.9, 20), (20.1, 1), (500.0, 1)])
def test_groups_are_at_the_better_end(dissimilarity: float, G: int) -> None:
    """The end whose limit is lower; earlier probes than the last five do not count."""
    early = [probe(10 * i, dissimilarity=1e6) for i in range(1, 4)]
    late = [probe(10 * i, dissimilarity=dissimilarity) for i in range(4, 9)]
    found, reason = groups([*early, *late], 20)
    assert found == G
    assert reason.startswith(f"groups {G}: over 5 probes B^2 is ")
    ends = {g: Averaging.of({"S": 3, "groups": g}, 20, 1.0) for g in range(1, 21)}
    best = min(ends, key=lambda g: Estimate.of(late).limit(ends[g]))
    assert best == G


def test_groups_of_a_diverged_warm_up() -> None:
    assert groups([probe(10, dissimilarity=math.nan)], 20)[0] == 20
    assert groups([], 20)[0] == 20


def test_the_rate_is_a_quarter_of_the_best_one() -> None:
    history = [probe(10 * i) for i in range(1, 9)]
    lr, reason = rate(history, PAPER, P)
    assert lr == pytest.approx(PART / 3 / 0.25)
    assert f"over {AVERAGE} probes" in reason
    assert rate(history, PAPER | {"scaling": "unbiased"}, P)[0] == pytest.approx(PART / 3)


def test_the_rate_looks_further_back_until_something_limits_it() -> None:
    flat = [probe(10 * i, trace=-1.0, curvature=-1.0) for i in range(2, 8)]
    lr, reason = rate([probe(10, trace=700.0, curvature=27.0), *flat], PAPER, P)
    assert "over 7 probes" in reason
    assert lr > 0
    with pytest.raises(Exception, match="give the second phase a number"):
        rate(flat, PAPER, P)


def test_a_diverged_warm_up_has_a_rate() -> None:
    """So that the run ends as a diverged one, and not with an error."""
    assert rate([], PAPER, P)[0] == 1.0
    assert rate([probe(10, gradient_square=math.nan)], PAPER, P)[0] == 1.0


@pytest.mark.parametrize(
    ("accuracies", "fires"),
    [
        ([0.1, 0.2, 0.3, 0.31, 0.305, 0.3, 0.3, 0.4], 60),  # a point at 30 to 40: the last gain
        ([0.1, 0.2, 0.3, 0.309, 0.309, 0.309, 0.3, 0.4], 50),  # less than a point does not count
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], None),
        ([0.1, math.nan, math.nan, math.nan], 30),
    ],
)
def test_plateau(accuracies: list[float], fires: int | None) -> None:
    decision = decide(Plateau(patience=20, **SPAN), probes(heldout=accuracies), P, 10)
    assert decision.fired == (fires is not None)
    assert decision.round == (fires or 90)


def test_a_rule_never_sees_later_probes() -> None:
    """A later gain changes nothing about a decision that was made before it."""
    history = probes(heldout=[0.3, 0.3, 0.3, 0.3])
    early = decide(Plateau(patience=20, **SPAN), history, P, 10)
    late = decide(Plateau(patience=20, **SPAN), [*history, probe(50, heldout=0.9)], P, 10)
    assert early == late
    assert early.round == 30


def test_the_pivot_is_the_last_snapshot_before_the_decision() -> None:
    history = probes(heldout=[0.3, 0.3, 0.3, 0.3])
    decision = decide(Plateau(patience=20, earliest=20, latest=80), history, P, 20)
    assert (decision.round, decision.pivot) == (30, 20)
    assert decision.sentence.startswith("pivot 20: the rule `plateau` fired at round 30: ")


def test_a_rule_waits_for_its_earliest_round() -> None:
    history = probes(heldout=[0.3] * 8)
    assert decide(Plateau(patience=20, earliest=60, latest=80), history, P, 10).round == 60


def test_progress_is_a_race_that_must_be_lost_twice() -> None:
    """A zeroth-order round gains 2/3; the warm-up gains 1 a round, then 0.1, 1, 0.1 and 0.1."""
    losses = [90.0, 80.0, 79.0, 69.0, 68.0, 67.0, 66.0]
    rule = Progress(probes=2, average=1, **SPAN)
    assert decide(rule, probes(loss=losses), P, 10).round == 60
    slow = rule.model_copy(update={"factor": 0.1})
    assert not decide(slow, probes(loss=losses), P, 10).fired


def test_gap_compares_the_tiers() -> None:
    high, low = [1.0, 0.9, 0.8, 0.7, 0.6], [2.0, 1.8, 1.6, 1.6, 1.6]
    rule = Gap(window=20, slope=1e-3, **SPAN)
    decision = decide(rule, probes(loss_high=high, loss_low=low), P, 10)
    assert decision.round == 50
    assert not decide(rule, probes(loss_high=low, loss_low=high), P, 10).fired


def test_variance_is_the_dissimilarity() -> None:
    rule = Variance(threshold=2.5, average=2, **SPAN)
    assert decide(rule, probes(dissimilarity=[4.0, 3.0, 2.0, 2.0]), P, 10).round == 40
    assert not decide(rule, probes(dissimilarity=[4.0, 3.0, 3.0]), P, 10).fired


def test_a_phase_without_directions_of_its_own_counts_one_a_client() -> None:
    """Mixed rounds have S and share no directions; local SGD has neither."""
    assert Averaging.of({"S": 3}, 45, 1.0) == Averaging(135)
    assert Averaging.of({}, 50, 0.5) == Averaging(25)


def test_costs_count_up_to_a_round() -> None:
    costs = costs_until([probe(10), probe(20), probe(30)], 20)
    assert (costs["bytes_up"], costs["forward_passes"]) == (30, 2)


def test_a_row_reads_back() -> None:
    one = replace(probe(10), heldout_low=math.nan)
    text = {k: "" if v != v else str(v) for k, v in one.columns().items()}
    for again in (Probe.read(text), Probe.read(one.to_json())):
        assert math.isnan(again.heldout_low)
        assert replace(again, heldout_low=0.0) == replace(one, heldout_low=0.0)
    with pytest.raises(ValueError, match="trace"):
        Probe.read(text | {"trace": "many"})


# --- in a config ----------------------------------------------------------------------------


def planned(tmp_path: Path, **config: object) -> Plan:
    """The plan of tiny.yaml with rates as numbers, and other settings."""
    rates = {"fedavg": {"lr": 0.1}, "zo": {"lr": 0.1}}
    file = tmp_path / "config.yaml"
    phases = [
        {"algorithm": "fedavg", "clients": "high", "rounds": 20},
        {"algorithm": "zo", "clients": "all", "rounds": 40},
    ]
    methods = {"zowarmup": {"phases": phases}}
    file.write_text(f"extends: {TINY}\nalgorithms: {rates}\nmethods: {methods}\n")
    return plan([str(file)], config)


GROUPED = [
    {"algorithm": "fedavg", "clients": "high", "rounds": 20},
    {"algorithm": "zo_groups", "clients": "all", "rounds": 40},
]


ALIKE = [
    {"algorithm": "fedavg", "clients": "all", "rounds": 20},
    {"algorithm": "zo", "clients": "all", "rounds": 40},
]


def adaptive(pivot: object, **more: object) -> dict[str, object]:
    return {"methods": {"zowarmup": {"pivot": pivot}}, **more}


def test_auto_is_plateau_between_a_snapshot_and_four_fifths(tmp_path: Path) -> None:
    done = planned(tmp_path, **adaptive(AUTO))
    spec = done.runs["zowarmup-30-70"] if "zowarmup-30-70" in done.runs else done.runs["zowarmup"]
    assert spec.pivot_rule == Plateau(earliest=10, latest=40)
    assert spec.pivots == (10, 20, 30, 40)
    assert [phase.rounds for phase in spec.phases] == [40, 20]
    [warmup] = done.warmups.values()
    assert warmup.probes
    assert (warmup.probes.last, warmup.probes.every) == (40, 10)
    assert warmup.phase.rounds == 60  # High Res Only needs all of them


def test_without_a_rule_nothing_is_probed(tmp_path: Path) -> None:
    done = planned(tmp_path)
    [warmup] = done.warmups.values()
    assert "probes" not in warmup.model_dump(mode="json")
    assert all("pivot_rule" not in run.model_dump(mode="json") for run in done.runs.values())


def test_a_rate_of_its_own_needs_probes_up_to_the_pivot(tmp_path: Path) -> None:
    done = planned(tmp_path, algorithms={"zo": {"lr": AUTO}})
    [warmup] = done.warmups.values()
    assert warmup.probes
    assert warmup.probes.last == 20


def test_trials_have_the_pivot_of_the_phases(tmp_path: Path) -> None:
    """So a method with a rule has the selected rates of the same method without it."""
    rates = {"fedavg": {"lr": 0.1}, "zo": {"lr": "select"}}
    fixed = planned(tmp_path, algorithms=rates)
    ruled = planned(tmp_path, **adaptive(AUTO, algorithms=rates))
    assert fixed.decides == ruled.decides
    assert len(fixed.decides) == 1


def test_a_study_varies_rules_and_rounds(tmp_path: Path) -> None:
    study = {"methods": ["zowarmup"], "grid": {"pivot": [20, AUTO, {"rule": "gap", "window": 10}]}}
    done = planned(tmp_path, studies={"main": None, "adaptive_pivot": study}, tables=[], figures=[])
    rules = [run.pivot_rule and run.pivot_rule.rule for run in done.runs.values()]
    assert rules == [None, "plateau", "gap"]
    assert len(set(done.runs)) == 3
    assert len(done.warmups) == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (adaptive("soon"), "pivot: soon: give a round, auto, or a rule: one of plateau, progress"),
        (adaptive({"rule": "plateau", "patients": 5}), "pivot.patients: unknown key; did you mean"),
        (adaptive({"rule": "gap", "slope": -1}), "pivot.slope: input should be greater than 0"),
        (adaptive({"rule": "plateau", "latest": 15}), "pivot.latest: 15: must be a multiple of"),
        (adaptive({"rule": "plateau", "earliest": 60}), "pivot.earliest: 60: must be a multiple"),
        (
            adaptive({"rule": "plateau", "earliest": 30, "latest": 20}),
            "pivot.earliest: 30 is after pivot.latest, 20",
        ),
        (adaptive(60), "pivot: 60: must be a round between 1 and 59"),
        (adaptive(AUTO, probes={"every": 15}), "probes.every: 15: must be a multiple of"),
        (
            adaptive({"rule": "progress"}, probes={"directions": 0}),
            "probes.directions: 0: `pivot: progress` needs at least 2 directions",
        ),
        (adaptive(AUTO, probes={"directions": 1}), "probes.directions: one direction gives no"),
        (
            {"methods": {"zowarmup": {"pivot": {"rule": "gap"}, "phases": ALIKE}}},
            "methods.zowarmup: pivot: gap: it compares the tiers' losses, but the first phase",
        ),
        (
            {
                "algorithms": {"zo_groups": {"groups": AUTO, "lr": "select"}},
                "methods": {"zowarmup": {"phases": GROUPED}},
            },
            "methods.zowarmup.phases.1.groups: auto: trials have no probes",
        ),
        (
            {
                "algorithms": {"zo_groups": {"groups": AUTO, "lr": 0.1}},
                "methods": {"zowarmup": {"phases": GROUPED}},
                "probes": {"directions": 0},
            },
            "probes.directions: 0: `groups: auto` needs at least 2 directions",
        ),
        (
            {
                "algorithms": {"zo_groups": {"groups": AUTO, "lr": 0.1}},
                "methods": {"zowarmup": {"phases": GROUPED[1:]}},
            },
            "methods.zowarmup.phases.0.groups: auto: it needs a warm-up",
        ),
        (
            {"algorithms": {"fedavg": {"lr": AUTO}}},
            "methods.high_res_only.phases.0.lr: auto: only zo, zo_orthogonal, zo_groups, "
            "zo_low_rank can have it, not fedavg",
        ),
        (
            {"algorithms": {"zo": {"lr": AUTO}}, "probes": {"every": 30}},
            "probes.every: 30: `lr: auto` needs a probe before the pivot",
        ),
        (
            {"algorithms": {"zo": {"lr": AUTO}, "fedavg": {"lr": "select"}}},
            "phase 2 has `lr: auto`, which a trial of other rates cannot decide",
        ),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, config: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        planned(tmp_path, **config)
    assert message in str(error.value)
