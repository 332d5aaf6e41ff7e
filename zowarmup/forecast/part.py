"""A part of a job: the rounds of a phase, the measurements during these rounds, and their costs.

Only operations in the products of layers count: two per multiply-add, and a backward pass as two
forward passes. Norms, activations and directions cost little, except in networks too small to keep
a device busy, and are left out. The size of a text on the disk is estimated from its number of
values; everything else is counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from zowarmup.analysis import cost_formulas
from zowarmup.analysis.collect import rows
from zowarmup.common.errors import UserError
from zowarmup.config.phase_settings import leaves_records
from zowarmup.config.registry import algorithm
from zowarmup.engines import client_groups
from zowarmup.forecast.sizes import Size, network
from zowarmup.models import memory, static_norm
from zowarmup.models.flat import FlatModel
from zowarmup.plan.specs import JobSpec, NetworkSpec, Phase
from zowarmup.training.evaluate import BATCH
from zowarmup.training.phases import build

# An algorithm without a formula uses that of the first of these whose settings the phase has.
ALIKE = {"zo_local": {"S", "batch"}, "fedkseed": {"K"}, "zo": {"S"}, "fedavg": {"epochs", "batch"}}
# The settings that a method of the user's own may lack.
ASSUMED = {"epochs": 1, "batch": 64, "S": 1, "estimator": "two_point"}

# Bytes.
FLOAT = 4
HEADER = 120  # of a tensor in a checkpoint
PROVENANCE = 1200  # at the head of a run's journal
SCALAR, INDEX, MEMBER = 21.0, 4.5, 8.0  # text of a journal: a scalar, a candidate, a client
ROW, RECALL = 800, 48  # a row of metrics, a class in it: 1 copy in the run, 3 in the collection
INDICES = 32  # of an image: its row and its label, in the data set and in the federation

STACKING = ("batched", "vmap")
SIDE_BY_SIDE = 60  # models that a stacking engine holds at once if `block` is not set


@cache
def image_flops(
    name: str, data: Size, width: float, own: NetworkSpec | None = None, rate: float = 1.0
) -> int:
    """Return the operations of one image's forward pass; for the arguments see `sizes.network`."""
    model = network(name, data, width, own, rate)
    image = torch.empty(1, *data.shape, device="meta", dtype=data.input)
    # The device is for tensors that a network makes itself.
    with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
        model.logits(torch.empty(model.d, device="meta"), image)
    return int(counter.get_total_flops())


def formula_name(phase: Mapping[str, Any]) -> str:
    """Return the algorithm whose formula a phase uses: its own, or one with the same settings.

    A method of the user's own without such settings counts as the nearest one, see ASSUMED.

    Raises:
        UserError: no formula fits.
    """
    name = str(phase["algorithm"])
    if name in cost_formulas.FORMULAS:
        return name
    for other, settings in ALIKE.items():
        if settings <= set(phase):
            return other
    if entry := phase.get("source"):
        return "zo" if leaves_records(entry) else "fedavg"
    raise UserError(
        f"{name}: no formula gives the cost of a round; add a line to FORMULAS in "
        "zowarmup/analysis/cost_formulas.py"
    )


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a job: rounds of one phase and their measurements, with the plan's settings."""

    spec: JobSpec
    phase: Mapping[str, Any]
    federation: Mapping[str, Any]
    data: Size
    high: int  # high-resource clients
    stage: str  # of a method; messages are counted by stage
    rounds: int
    rows: int = 0
    losses: int = 0  # how often the held-out loss alone is measured
    snapshots: int = 0
    final: bool = False  # whether the part ends with the final model of a run
    trials: int = 1  # how often the rounds start anew: once per candidate and seed of a selection
    probes: int = 0  # of a warm-up
    directions: int = 0  # of a probe

    @property
    def title(self) -> str:
        """The name of the network, with its width if that is not 1."""
        return self.spec.model + (f" x{self.spec.width:g}" if self.spec.width != 1 else "")

    @property
    def shape(self) -> tuple[str, Size, float, NetworkSpec | None]:
        """The arguments of `sizes.network`, without the share that low-resource clients train."""
        return self.spec.model, self.data, self.spec.width, self.spec.network

    @property
    def network(self) -> FlatModel:
        """The network of the high-resource clients."""
        return network(*self.shape)

    @property
    def images(self) -> tuple[int, int]:
        """The numbers of images that a client trains on and holds out."""
        images = self.data.train // self.federation["clients"]
        heldout = min(max(1, round(self.federation["holdout"] * images)), images - 1)
        return images - heldout, heldout

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the phase, with those that a method of the user's own lacks."""
        return (ASSUMED if "source" in self.phase else {}) | dict(self.phase)

    @cached_property
    def formula(self) -> cost_formulas.Phase:
        """The phase as the cost formulas read it."""
        tiers = {"high": self.high, "low": self.federation["clients"] - self.high}
        trained = [*tiers] if self.phase["clients"] == "all" else [self.phase["clients"]]
        d_low = network(*self.shape, self.phase.get("rate", 1.0)).d
        sizes = {"images": self.images[0], "d": self.network.d, "d_low": d_low}
        sizes |= {"tensors": len(self.network.names)}
        return cost_formulas.Phase(
            algorithm=formula_name(self.phase),
            rounds=self.rounds,
            members={tier: n * (tier in trained) for tier, n in tiers.items()},
            participation=self.phase["participation"],
            row=rows.settings_of([self.settings]) | sizes,
            number=1,
        )

    @property
    def members(self) -> int:
        """The number of clients in the phase, whether or not a round draws them."""
        return sum(self.formula.members.values())

    @cached_property
    def round(self) -> cost_formulas.Cost:
        """Costs of a round for all clients: bytes up and down, forward and backward operations."""
        total = np.zeros(4)
        for tier, members in self.formula.members.items():
            rate = self.phase.get("rate", 1.0) if tier == "low" else 1.0
            image = image_flops(*self.shape, rate)
            cost = np.array(cost_formulas.per_round(self.formula, tier)) * [1, 1, image, 2 * image]
            total += members * self.formula.participation * cost
        return cost_formulas.Cost(*total.tolist())

    @property
    def training(self) -> float:
        """Operations of all rounds."""
        return self.rounds * (self.round.forward + self.round.backward)

    @property
    def evaluation(self) -> float:
        """Operations of all measurements; zeroth-order phases measure true gradients, too."""
        clients, (train, heldout) = self.federation["clients"], self.images
        loss = clients * heldout + clients * train * static_norm.has(self.network)
        row = self.data.test + clients * train + loss
        if "eps" in self.phase:
            row += 3 * train * self.members
        images = self.rows * row + self.losses * loss
        images += self.probed.forward + 2 * self.probed.backward
        return float(images * image_flops(*self.shape))

    @property
    def probed(self) -> cost_formulas.Cost:
        """Bytes and images of all probes, for all clients; see `training.probes.costs`."""
        clients, train = self.federation["clients"], self.members
        away = clients - train * (self.phase["participation"] == 1)
        one = cost_formulas.probes(
            self.directions, self.network.d, clients, train, away, *self.images
        )
        return cost_formulas.Cost(*(self.probes * cost for cost in one))

    @property
    def broadcast(self) -> float:
        """Bytes for sending the model to every client before a phase in which no models travel."""
        return self.trials * self.members * cost_formulas.once(self.formula)


def disk(part: Part) -> dict[str, float]:
    """Return the bytes that a part leaves on the disk, by kind of content."""
    model = FLOAT * part.network.d + HEADER * len(part.network.names)
    snapshot = model + _server(part) if part.snapshots else 0
    records = part.rounds * _record(part) if part.rows else 0
    return {
        "snapshots": float(part.snapshots * snapshot),
        "journals": records + PROVENANCE * part.final,
        "metrics": float(part.rows * (ROW + RECALL * part.data.classes)),
        "final models": float(model * part.final),
    }


def peak(part: Part) -> dict[str, float]:
    """Return the bytes in memory for images and for training, on top of a process with torch."""
    engine, model, shape, train = part.spec.engine, part.network, part.data.shape, part.images[0]
    stacks, kind = engine.name in STACKING, part.data.input
    stacked = engine.options.get("block", SIDE_BY_SIDE) if stacks else 1
    if "eps" in part.phase:  # true gradients are measured, too, by backpropagation
        micro = min(engine.micro_batch, train)
        ways = (memory.inference, memory.backprop)
        step = stacked * max(f(model, shape, micro, dtype=kind) for f in ways)
    else:
        batch, momentum = min(part.settings["batch"], train), part.phase.get("momentum", 0) > 0
        one = memory.backprop(model, shape, batch, momentum=momentum, dtype=kind)
        step = min(stacked, part.members) * one
    # On a GPU the images lie in main memory and on the device. Engines that stack clients also
    # keep normalised training images if there are few.
    copies = 1 if engine.device == "cpu" else 2
    trained = part.federation["clients"] * train * part.data.pixels
    kept = FLOAT * trained if stacks and trained <= client_groups.KEPT else 0
    images = (copies * part.data.bytes + INDICES) * (part.data.train + part.data.test) + kept
    return {"images": images, "training": max(step, memory.inference(model, shape, BATCH, kind))}


def _record(part: Part) -> float:
    """Return the bytes of a round in a journal; 0 if models travel."""
    phase, formula = part.phase, part.formula
    if not leaves_records(algorithm(phase["algorithm"], phase.get("source"))):
        return 0.0
    scalar = SCALAR + (INDEX if "K" in phase else 0.0)
    steps = formula.T if "batch" in phase else 1
    return formula.A * (MEMBER + phase.get("S", 1) * steps * scalar)


def _server(part: Part) -> int:
    """Return the bytes of the server's state in a snapshot."""
    rates = {key: 0.1 for key in ("lr", "client_lr") if key in part.phase}
    state = build(Phase.read({**part.phase, **rates})).begin(
        torch.empty(part.network.d, device="meta")
    )
    return FLOAT * sum(tensor.numel() for tensor in state.server.values())
