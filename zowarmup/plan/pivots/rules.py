"""The rules that decide the pivot, each a function of the probes up to a round.

A rule answers with the reason why it fires at the last of these probes, or with nothing. It never
sees a later one, so a server could decide in the same way while it trains.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from zowarmup.config.pivot import Gap, Plateau, Progress, Rule, Variance
from zowarmup.plan.pivots.estimate import Averaging, Estimate
from zowarmup.plan.pivots.probe import Probe

History = Sequence[Probe]


@dataclass(frozen=True)
class Decision:
    """The decision of a rule.

    Attributes:
        round: the round at which it fired; the last allowed one if it never did.
        pivot: the last snapshot up to that round, from which the second phase starts.
        reason: a part of a sentence.
    """

    rule: str
    round: int
    pivot: int
    fired: bool
    reason: str

    @property
    def sentence(self) -> str:
        """The decision for a log."""
        fired = f"fired at round {self.round}" if self.fired else "never fired"
        return f"pivot {self.pivot}: the rule `{self.rule}` {fired}: {self.reason}"


def decide(rule: Rule, probes: History, averaging: Averaging, stride: int) -> Decision:
    """The decision of a rule.

    Args:
        probes: of the whole warm-up, in order.
        averaging: of the second phase.
        stride: rounds between two snapshots.
    """
    first, last = rule.span
    for n, probe in enumerate(probes, start=1):
        t = probe.round
        if first <= t <= last and (reason := fires(rule, probes[:n], averaging)):
            return Decision(rule.rule, t, t - t % stride, True, reason)
    return Decision(rule.rule, last, last, False, f"round {last} is the latest that it may choose")


def fires(rule: Rule, history: History, averaging: Averaging) -> str:
    """The reason why a rule fires at the last probe of its history; empty if it does not."""
    match rule:
        case Progress():
            return progress(rule, history, averaging)
        case Gap():
            return gap(rule, history)
        case Variance():
            return variance(rule, history)
        case Plateau():
            return plateau(rule, history)
    raise TypeError(f"{rule.rule} is no rule")


def plateau(rule: Plateau, history: History) -> str:
    """Early stopping: the last accuracy that gained `gain` is `patience` rounds old."""
    best, since = history[0].heldout, history[0].round
    for probe in history:
        if probe.heldout >= best + rule.gain:
            best, since = probe.heldout, probe.round
    if history[-1].round - since < rule.patience:
        return ""
    return (
        f"the held-out accuracy of all clients has gained less than {rule.gain:g} on "
        f"{best:.4f} since round {since}"
    )


def progress(rule: Progress, history: History, averaging: Averaging) -> str:
    """A race of gains in the loss of all clients, which must be lost `probes` times in a row."""
    n = rule.average
    if len(history) < n + rule.probes:
        return ""
    for end in range(len(history) - rule.probes + 1, len(history) + 1):
        start, now = history[end - n - 1], history[end - 1]
        first_order = (start.loss - now.loss) / (now.round - start.round)
        zeroth_order = Estimate.of(history[end - n : end]).gain(averaging)
        if not first_order < rule.factor * zeroth_order:
            return ""
    return (
        f"a round of the warm-up gains {first_order:.3g} in the loss of all clients, a "
        f"zeroth-order round at best {zeroth_order:.3g}"
    )


def gap(rule: Gap, history: History) -> str:
    """The withholding gap: only the clients that train still gain."""
    now = history[-1]
    start = next((p for p in reversed(history) if now.round - p.round >= rule.window), None)
    if start is None:
        return ""
    rounds = now.round - start.round
    low = (start.loss_low - now.loss_low) / rounds / start.loss_low
    high = (start.loss_high - now.loss_high) / rounds / start.loss_high
    if not (low < rule.slope and high >= rule.slope):
        return ""
    return (
        f"in a round the loss of low-resource clients falls by {low:.2%}, that of the others by "
        f"{high:.2%}"
    )


def variance(rule: Variance, history: History) -> str:
    """The variance of a zeroth-order estimate is B^2 d / P times |g|^2; B^2 is what changes."""
    if len(history) < rule.average:
        return ""
    B2 = Estimate.of(history[-rule.average :]).dissimilarity
    return f"B^2 is {B2:.3g}, below {rule.threshold:g}" if rule.threshold > B2 else ""
