"""The gain of a zeroth-order round, its best rate and groups, as estimated from probes.

If the loss is quadratic, a step of rate lr along P two-point estimates changes it on average by
-lr |g|^2 + lr^2 / 2 |g|^2 (lambda + B^2 T / P), so

    lr*    1 / (lambda + B^2 T / P)
    gain   |g|^2 / (2 (lambda + B^2 T / P))

in the scaling `unbiased`. If groups of clients share their directions, P counts a group's once, and
B_G^2 takes the place of B^2, see algorithms.estimators.zo_groups. Where T <= 0 the noise of the
estimates costs nothing: lambda alone.

Reference: Malladi et al. 2023, arXiv:2305.17333 (the loss of zeroth-order steps by the trace of H).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from zowarmup.common.errors import UserError
from zowarmup.config.phase import AUTO, GROUPS
from zowarmup.plan.pivots.probe import Probe

PART = 0.25  # of the best rate: lambda grows while phase 2 trains, and at half of it runs diverge
AVERAGE = 5  # probes; one alone misses |g|^2 by a factor of 1.4 in the median


@dataclass(frozen=True)
class Averaging:
    """How many estimates a round averages.

    Attributes:
        P: directions of a round, over all clients.
        own: (G - 1) / (A - 1) for G groups of A clients that share their directions: 1 if each has
            its own, 0 if all share them, so that their differences cost nothing.
    """

    P: int
    own: float = 1.0

    @classmethod
    def of(cls, settings: Mapping[str, object], clients: int, participation: float) -> "Averaging":
        """The averaging of a phase with these settings, of which `clients` can take part.

        A phase without S, such as one of local steps, counts as one direction a client, and one
        whose groups are to be decided as directions of its own for each.
        """
        S, A = int(str(settings.get("S", 1))), max(1, round(participation * clients))
        given = settings.get(GROUPS, A)
        G = A if given == AUTO else min(A, int(str(given)))
        G = 1 if settings.get("shared_directions") is True else G
        return cls(S * G, (G - 1) / (A - 1) if A > 1 else 1.0)


@dataclass(frozen=True)
class Estimate:
    """Means over some probes; see `probe` for the symbols."""

    gradient_square: float
    dissimilarity: float
    trace: float
    curvature: float

    @classmethod
    def of(cls, probes: Sequence[Probe]) -> "Estimate":
        """The means over probes; B^2 is a ratio of means, because a mean of ratios is biased."""
        square = fmean(p.gradient_square for p in probes)
        squares = fmean(p.gradient_square * p.dissimilarity for p in probes)
        return cls(
            square,
            squares / square if square else math.nan,
            fmean(p.trace for p in probes),
            fmean(p.curvature for p in probes),
        )

    def limit(self, averaging: Averaging) -> float:
        """lambda + B^2 T / P, which limits the rate."""
        dissimilarity = 1 - averaging.own + averaging.own * self.dissimilarity
        noise = dissimilarity * self.trace / averaging.P
        return self.curvature + noise if self.trace > 0 else self.curvature

    def gain(self, averaging: Averaging) -> float:
        """The largest expected decrease of the loss in a round; NaN where nothing limits it."""
        limit = self.limit(averaging)
        return self.gradient_square / (2 * limit) if limit > 0 else math.nan


def rate(
    probes: Sequence[Probe], settings: Mapping[str, object], averaging: Averaging
) -> tuple[float, str]:
    """The rate `auto` of a zeroth-order phase, and a sentence that says what it rests on.

    Args:
        probes: those up to the pivot, in order.
        settings: of the phase: tau and scaling.

    Raises:
        UserError: no probe limits the rate.
    """
    finite = [p for p in probes if math.isfinite(p.gradient_square + p.trace + p.curvature)]
    if not finite:
        return 1.0, "lr 1: the warm-up has diverged, so that no rate matters"
    for last in range(min(AVERAGE, len(finite)), len(finite) + 1):
        estimate = Estimate.of(finite[len(finite) - last :])
        if (limit := estimate.limit(averaging)) > 0:
            tau = float(str(settings["tau"])) if settings["scaling"] == "paper" else 1.0
            lr = PART / limit / tau**2
            return lr, (
                f"lr {lr:.4g}: over {last} probes lambda is {estimate.curvature:.3g}, B^2 "
                f"{estimate.dissimilarity:.3g}, the trace {estimate.trace:.4g}, with "
                f"{averaging.P} directions in a round"
            )
    raise UserError(
        "lr: auto: no probe along the warm-up shows a positive curvature; give the second phase "
        "a number"
    )


def groups(probes: Sequence[Probe], clients: int) -> tuple[int, str]:
    """The groups `auto` of clients that share directions, and a sentence on what it rests on.

    The error of an estimate is linear in 1 / G, so only the two ends can be best.

    Args:
        probes: those up to the pivot, in order.
        clients: K, the clients that can take part in the phase.
    """
    finite = [p for p in probes if math.isfinite(p.gradient_square * p.dissimilarity)]
    if not finite:
        return clients, f"groups {clients}: the warm-up has diverged, so that no groups matter"
    last = finite[-AVERAGE:]
    B2 = Estimate.of(last).dissimilarity
    shared = clients < B2
    G, place = (1, "above") if shared else (clients, "not above")
    return G, f"groups {G}: over {len(last)} probes B^2 is {B2:.3g}, {place} the {clients} clients"
