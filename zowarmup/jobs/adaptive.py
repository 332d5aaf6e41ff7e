"""The decisions of a run from the probes along its warm-up: its pivot, and settings of phase 2."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from zowarmup.common.errors import reading
from zowarmup.common.files import read_rows
from zowarmup.common.json_value import Json
from zowarmup.config.phase import GROUPS
from zowarmup.plan.pivots.estimate import Averaging, groups, rate
from zowarmup.plan.pivots.probe import Probe, costs_until, left_to_probes
from zowarmup.plan.pivots.rules import decide
from zowarmup.plan.specs import Phase, RunSpec, Tier
from zowarmup.runtime.progress import log
from zowarmup.training.costs import Costs

File = Path | str
Tiers = Mapping[Tier, Sequence[int]]


@dataclass(frozen=True)
class Decided:
    """A run with its pivot and rates as numbers.

    Attributes:
        round: the last round of the warm-up that the run has trained; the pivot is not later.
        costs: of the probes up to that round.
        facts: for the run record.
    """

    spec: RunSpec
    round: int
    costs: Costs
    facts: dict[str, Json]


def decided(spec: RunSpec, tiers: Tiers, probes: File | None) -> Decided:
    """Decide what a run leaves to the probes.

    Args:
        tiers: the clients of each tier.
        probes: probes.csv of the warm-up; None for a run that leaves nothing to them.

    Raises:
        UserError: the file is damaged, or its probes show no limit of the rate.
    """
    if probes is None:
        return Decided(spec, spec.pivot, Costs(), {})
    with reading(probes):
        rows = [Probe.read(row) for row in read_rows(probes)]
    last, facts = spec.pivot, {}  # type: int, dict[str, Json]
    if rule := spec.pivot_rule:
        decision = decide(rule, rows, _averaging(spec.phases[1], tiers), spec.snapshot_every)
        log.info(decision.sentence)
        spec, last = spec.with_pivot(decision.pivot), decision.round
        facts["pivot"] = asdict(decision)
    first, second = spec.phases
    second, reasons = _closed(second, tiers, [row for row in rows if row.round <= spec.pivot])
    spec = spec.model_copy(update={"phases": (first, second)})
    return Decided(spec, last, Costs(**costs_until(rows, last)), {"decided": facts | reasons})


def _closed(phase: Phase, tiers: Tiers, seen: Sequence[Probe]) -> tuple[Phase, dict[str, Json]]:
    """The phase with numbers for what it leaves to the probes up to the pivot, and the reasons."""
    reasons: dict[str, Json] = {}
    left = left_to_probes(phase.settings, phase.source)
    if GROUPS in left:
        G, reasons[GROUPS] = groups(seen, len(tiers[phase.clients]))
        phase = phase.but(groups=G)
    if "lr" in left:
        lr, reasons["lr"] = rate(seen, phase.settings, _averaging(phase, tiers))
        phase = phase.but(lr=lr)
    for reason in reasons.values():
        log.info(reason)
    return phase, reasons


def _averaging(phase: Phase, tiers: Tiers) -> Averaging:
    return Averaging.of(phase.settings, len(tiers[phase.clients]), phase.participation)
