"""How fast this machine is: a few rounds of every kind of work in a config, really run.

Work that is too long to run is cut to two clients with few images, twice; what a round takes is
taken to be so much per client and so much per operation. Kinds for which no time is left are taken
to be as fast, in operations a second, as those of the same network.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from zowarmup.forecast.clock import Seconds, Watch, process, repeat
from zowarmup.forecast.trial import PAIR, Timing, cut, timed, timed_round
from zowarmup.forecast.work import Kind

BUDGET = 30.0  # seconds after which no further kind of work is run
LEAST = 0.12  # seconds that repetitions of a round go on for
WHOLE = 0.25  # seconds at full speed below which a round is run as it is
LARGE = 100e6  # bytes of images above which the data set is cut in any case
TRAINING = """
from snakemake import script
import torch
import zowarmup.jobs.train
torch.ones(9, 9, requires_grad=True).square().sum().backward()
"""
DRAWING = """
from snakemake import script
from zowarmup.analysis.figures.drawing import matplotlib_environment
matplotlib_environment.shut_out()
import matplotlib.pyplot, scipy.stats, tabulate
import zowarmup.analysis.claims.write, zowarmup.analysis.figures.drawing.write
"""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Machine:
    """What was measured.

    Attributes:
        timings: of each kind of work, by name.
        start, drawing: a process that trains, or that draws, up to its first line of work.
        base: bytes of memory that the former takes by then.
        measured: how many kinds were really run.
    """

    timings: Mapping[str, Timing]
    start: Seconds
    drawing: Seconds
    base: int
    measured: int


def machine(kinds: Sequence[tuple[Kind, float]], say: Say, budget: float = BUDGET) -> Machine:
    """Measure this machine for kinds of work, each with its operations in the whole config.

    Args:
        say: is told how far it is.
        budget: seconds after which what is left is estimated.
    """
    say("starting a process that trains")
    start, base = process(TRAINING)
    again, _ = process(TRAINING)
    say("starting a process that draws")
    drawing, _ = process(DRAWING)
    speed, began = _speed(), time.monotonic()
    timings: dict[str, Timing] = {}
    ordered = sorted(kinds, key=lambda kind: -kind[1])
    for number, (kind, _) in enumerate(ordered, start=1):
        if timings and time.monotonic() - began > budget:
            break
        say(f"round {number} of {len(ordered)}: {kind.phase['algorithm']}, {kind.model}")
        timings[kind.name] = timing(kind, speed)
    measured = len(timings)
    known = [(kind, timings[kind.name]) for kind, _ in ordered[:measured]]
    for kind, _ in ordered[measured:]:
        timings[kind.name] = guess(kind, known)
    return Machine(timings, start.plus(again).times(0.5), drawing, base, measured)


def timing(kind: Kind, speed: float) -> Timing:
    """Of a kind as it is, or worked out from two that are cut.

    Args:
        speed: operations a second of a large product of matrices.
    """
    data, most = kind.crowd.data, WHOLE * speed
    heavy = max(kind.round().all, kind.row().all / 4) > most
    if not heavy and 4 * data.pixels * (data.train + data.test) < LARGE:
        return timed(kind, LEAST)
    one = cut(kind, 1).round().all
    many = int(min(max(2, most / one), kind.crowd.train))
    few = max(1, many // 4)
    return _whole(kind, cut(kind, few), cut(kind, many))


def _whole(kind: Kind, small: Kind, large: Kind) -> Timing:
    """A kind's times from those of a small and a larger part of it."""
    (less, _), (more, built) = timed_round(small), timed_round(large)
    work, all_ = large.round().all - small.round().all, large.round().all
    rates = [_rate(*both, work, all_) for both in zip(less, more, strict=True)] if work else [0, 0]
    per_flop = Seconds(*rates)
    own = more.plus(per_flop, -all_)  # of a pair of clients, however few images they have
    share = kind.phase["participation"] * _members(kind) / PAIR
    return Timing(
        round=own.times(share).plus(per_flop, kind.round().all),
        row=per_flop.times(kind.row().all),
        heldout=per_flop.times(kind.heldout().all),
        context=built.times(kind.crowd.data.train / large.crowd.data.train),
    )


def _rate(less: float, more: float, work: float, all_: float) -> float:
    """Seconds of an operation: the slope, within what noise can make of it."""
    most = more / all_
    return min(max((more - less) / work, most / 4), most)


def guess(kind: Kind, known: Sequence[tuple[Kind, Timing]]) -> Timing:
    """The times of a kind from those that were measured, of the same network if there are any."""
    like = [one for one in known if one[0].model == kind.model] or known
    done = sum(one.round().all for one, _ in like)
    spent = Seconds()
    for _, timing in like:
        spent = spent.plus(timing.round)
    rate = spent.times(1 / done)
    return Timing(
        round=rate.times(kind.round().all),
        row=rate.times(kind.row().all),
        heldout=rate.times(kind.heldout().all),
        context=like[0][1].context,
    )


def _members(kind: Kind) -> int:
    crowd = kind.crowd
    tiers = {"all": crowd.clients, "high": crowd.high, "low": crowd.clients - crowd.high}
    return tiers[kind.phase["clients"]]


def _speed() -> float:
    """Operations a second in one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    a = torch.ones(512, 512)
    took = repeat(lambda: a @ a, Watch, 0.1)
    torch.set_num_threads(threads)
    return 2 * 512**3 / took.wall
