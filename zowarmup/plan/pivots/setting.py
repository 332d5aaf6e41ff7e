"""The setting `pivot` of a method or a study: a round, `auto`, or a rule with its settings."""

from collections.abc import Mapping, Sequence

from zowarmup.config.phase import AUTO, GROUPS, RATES, Phase
from zowarmup.config.phase_settings import is_trajectory
from zowarmup.config.pivot import RULES, Gap, PivotRule, Plateau
from zowarmup.config.registry import AUTO_RATES
from zowarmup.config.schema import Config, Value
from zowarmup.config.validation import check
from zowarmup.config.yaml_file import ConfigError

Phases = list[Phase]
LATEST = 0.8  # of all rounds, where a rule names no latest pivot


def with_pivot(
    phases: Sequence[Phase], pivot: Value, method: str, stride: int
) -> tuple[Phases, PivotRule | None]:
    """Return two phases, and the rule if one decides where the second begins.

    The first phase ends at the pivot, with a rule at the latest one; the second phase ends at the
    method's last round.

    Args:
        stride: rounds between two snapshots.

    Raises:
        ConfigError: names the key and the fix.
    """
    if len(phases) > 2:
        raise ConfigError(f"methods.{method}: pivot: only a method with two phases has a pivot")
    total = sum(phase.rounds for phase in phases)
    rule = None if isinstance(pivot, int) else _rule(pivot, total, stride)
    end = rule.span[1] if rule else pivot
    if type(end) is not int or not 0 < end < total:
        raise ConfigError(f"pivot: {pivot}: must be a round between 1 and {total - 1}")
    if rule and not is_trajectory(phases[0]):
        raise ConfigError(
            f"methods.{method}: pivot: {rule.rule}: a rule needs a first phase with snapshots, "
            f"such as fedavg; {phases[0].algorithm} leaves none, so give a round"
        )
    if isinstance(rule, Gap) and phases[0].clients == "all":
        raise ConfigError(
            f"methods.{method}: pivot: gap: it compares the tiers' losses, but the first phase "
            "trains all clients alike; use another rule, or a first phase of `clients: high`"
        )
    rounds = end, total - end
    own = [p.model_copy(update={"rounds": n}) for p, n in zip(phases, rounds, strict=True)]
    return own, rule


def _rule(pivot: Value, total: int, stride: int) -> PivotRule:
    """The rule with its settings, and the rounds between which it may choose."""
    given = {"rule": pivot} if isinstance(pivot, str) else pivot
    if not isinstance(given, Mapping) or given.get("rule") not in [*RULES, AUTO]:
        rules = ", ".join(RULES)
        raise ConfigError(f"pivot: {pivot}: give a round, {AUTO}, or a rule: one of {rules}")
    kind = Plateau if given["rule"] == AUTO else RULES[str(given["rule"])]
    rest = {key: value for key, value in given.items() if key != "rule"}
    rule: PivotRule = check(kind, rest, "pivot.{}".format)
    first, last = rule.earliest or stride, rule.latest or int(LATEST * total) // stride * stride
    for key, t in (("earliest", first), ("latest", last)):
        if t % stride or not 0 < t < total:
            raise ConfigError(
                f"pivot.{key}: {t}: must be a multiple of snapshot_every ({stride}) between 1 and "
                f"{total - 1}"
            )
    if first > last:
        raise ConfigError(f"pivot.earliest: {first} is after pivot.latest, {last}; use an earlier")
    return rule.model_copy(update={"earliest": first, "latest": last})


def check_probes(
    config: Config, method: str, phases: Sequence[Phase], rule: PivotRule | None
) -> None:
    """Check that the probes of a run fit its rule and its rates, if it needs any.

    Raises:
        ConfigError: names the key and the fix.
    """
    rates = [i for i, phase in enumerate(phases) if phase.lr == AUTO]
    groups = [i for i, phase in enumerate(phases) if getattr(phase, GROUPS, None) == AUTO]
    for i in rates:
        _check_rate(method, phases, i)
    for i in groups:
        _check_groups(method, phases, i)
    auto = "lr: auto" if rates else "groups: auto" if groups else ""
    if not auto and rule is None:
        return
    probes, stride = config.probes, config.evaluate_every
    if probes.every % stride:
        raise ConfigError(
            f"probes.every: {probes.every}: must be a multiple of evaluate_every ({stride})"
        )
    if not probes.directions and (auto or (rule and rule.needs_directions)):
        what = auto or f"pivot: {rule.rule if rule else ''}"
        raise ConfigError(f"probes.directions: 0: `{what}` needs at least 2 directions")
    if rule and rule.rule == "progress" and "S" not in phases[1].model_dump():
        raise ConfigError(
            f"pivot.rule: progress: it predicts zeroth-order rounds with S directions, but phase 2 "
            f"of {method} is {phases[1].algorithm}; use plateau"
        )
    first = rule.span[0] if rule else phases[0].rounds
    if auto and first < probes.every:
        raise ConfigError(
            f"probes.every: {probes.every}: `{auto}` needs a probe before the pivot, which can "
            f"be round {first}; use {first} or less"
        )


def _check_rate(method: str, phases: Sequence[Phase], i: int) -> None:
    """Check that the rate of phase i can be decided by probes of the phase before it."""
    phase, where = phases[i], f"methods.{method}.phases.{i}.lr: auto"
    if phase.algorithm not in AUTO_RATES:
        raise ConfigError(
            f"{where}: only {', '.join(AUTO_RATES)} can have it, not {phase.algorithm}; give a "
            "number or select"
        )
    _check_warmup(where, phases, i)


def _check_groups(method: str, phases: Sequence[Phase], i: int) -> None:
    """Check that the groups of phase i can be decided by probes of the phase before it."""
    where = f"methods.{method}.phases.{i}.groups: auto"
    _check_warmup(where, phases, i)
    if "select" in [getattr(phase, key, None) for phase in phases for key in RATES]:
        raise ConfigError(
            f"{where}: trials have no probes, so none can select a learning rate of this method; "
            "give its rates as numbers or by `same_as`"
        )


def _check_warmup(where: str, phases: Sequence[Phase], i: int) -> None:
    if i != 1 or not is_trajectory(phases[0]):
        raise ConfigError(
            f"{where}: it needs a warm-up, such as fedavg, as the phase before; give a number"
        )
