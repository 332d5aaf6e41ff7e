"""Floating-point operations of networks, rounds and measurements.

Counted are the products of layers, twice their multiply-adds; a backward pass counts as two forward
passes. What norms, activations and the directions themselves take is left out: it is little, except
for networks so small that no device is busy with them.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from zowarmup.analysis import cost_formulas
from zowarmup.analysis.collect import run_columns
from zowarmup.common.errors import UserError
from zowarmup.forecast.sizes import Crowd, Size, network
from zowarmup.models import static_norm

Spec = Mapping[str, Any]


class Flops(NamedTuple):
    """Operations of training forward and backward, and of measuring models."""

    forward: float = 0.0
    backward: float = 0.0
    evaluation: float = 0.0

    def plus(self, other: "Flops", times: float = 1.0) -> "Flops":
        """These and so many times the other."""
        return Flops(*(a + times * b for a, b in zip(self, other, strict=True)))

    @property
    def all(self) -> float:
        """The sum."""
        return sum(self)


@cache
def of_image(name: str, data: Size, width: float, rate: float = 1.0) -> int:
    """Of one image's forward pass; arguments as of `sizes.network`."""
    model = network(name, data, width, rate)
    image = torch.empty(1, *data.shape, device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.logits(torch.empty(model.d, device="meta"), image)
    return int(counter.get_total_flops())


def costs_of(phase: Spec, crowd: Crowd) -> cost_formulas.Phase:
    """A phase as the formulas of analysis.costs know it."""
    tiers = {"high": crowd.high, "low": crowd.clients - crowd.high}
    who = phase["clients"]
    row = run_columns.settings_of([dict(phase)])
    return cost_formulas.Phase(
        algorithm=like(phase),
        clients=who,
        rounds=phase.get("rounds", 0),
        members={tier: n if who in (tier, "all") else 0 for tier, n in tiers.items()},
        participation=phase["participation"],
        row=row | {"images": crowd.train, "d": crowd.d, "d_low": crowd.d_low},
        number=1,
    )


def like(phase: Spec) -> str:
    """The algorithm whose formula holds for a phase: its own, else one of the same settings.

    Raises:
        UserError: there is none.
    """
    name = str(phase["algorithm"])
    if name in cost_formulas.FORMULAS:
        return name
    for other, settings in (("zo_local", {"S", "batch"}), ("fedkseed", {"K"}), ("zo", {"S"})):
        if settings <= set(phase):
            return other
    if {"epochs", "batch"} <= set(phase):
        return "fedavg"
    raise UserError(
        f"{name}: nothing says what a round of it costs; give it a line in FORMULAS of "
        "zowarmup/analysis/cost_formulas.py"
    )


def of_round(spec: Spec, phase: Spec, crowd: Crowd) -> Flops:
    """Of one round of a phase, all clients together."""
    known, total = costs_of(phase, crowd), Flops()
    for tier, members in known.members.items():
        cost = cost_formulas.per_round(known, tier)
        rate = phase.get("rate", 1.0) if tier == "low" else 1.0
        one = _image(spec, crowd, rate)
        made = Flops(one * cost.forward, 2 * one * cost.backward)
        total = total.plus(made, members * known.participation)
    return total


def of_row(spec: Spec, phase: Spec, crowd: Crowd) -> Flops:
    """Of one row of metrics; of a zeroth-order phase the true gradients are measured too."""
    everybody = crowd.clients * (crowd.train + crowd.heldout)
    images = crowd.data.test + everybody + _statistics(spec, crowd)
    if "eps" in phase:
        images += 3 * crowd.train * sum(costs_of(phase, crowd).members.values())
    return Flops(evaluation=images * _image(spec, crowd))


def of_heldout(spec: Spec, crowd: Crowd) -> Flops:
    """Of the held-out loss, by which learning rates are chosen."""
    images = crowd.clients * crowd.heldout + _statistics(spec, crowd)
    return Flops(evaluation=images * _image(spec, crowd))


def _image(spec: Spec, crowd: Crowd, rate: float = 1.0) -> int:
    return of_image(spec["model"], crowd.data, spec["width"], rate)


def _statistics(spec: Spec, crowd: Crowd) -> int:
    """Images whose activations a network's static norms are measured on."""
    model = network(spec["model"], crowd.data, spec["width"])
    return crowd.clients * crowd.train if static_norm.has(model) else 0
