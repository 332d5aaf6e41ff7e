"""Train in a notebook: arrays or data sets, a network and phases, all in memory.

    federation = federate(train, test, clients=20, alpha=0.3)
    warm = start(federation, Net, split="10/90").warm_up(rounds=20, lr=0.1)
    end = warm.train(rounds=50, lr=0.01)
    end.metrics.plot(x="round", y="test_accuracy")
    end.module()                                    # a plain torch.nn.Module

Every step returns a new object, so that several methods can start from one warm-up. The numbers are
those of the workflow for the same settings, bit for bit; nothing is written.
"""

import copy
import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import pandas as pd
from torch import Tensor, nn
from tqdm import tqdm

from zowarmup.algorithms.rounds import Algorithm
from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import AUTO
from zowarmup.config.phase_settings import PHASES
from zowarmup.config.registry import ENGINES, NETWORKS
from zowarmup.config.schema import Engine
from zowarmup.config.splits import GIVEN, high_clients
from zowarmup.config.validation import check
from zowarmup.models import own_network
from zowarmup.notebook.federate import Federated
from zowarmup.notebook.settings import Beginning, checked
from zowarmup.plan.specs import EngineSpec, JobSpec, Phase
from zowarmup.training import context, loop, network_check, phases
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs
from zowarmup.training.metrics_row import MetricsRow
from zowarmup.training.phases import TrainingPhase

Network = str | nn.Module | Callable[..., nn.Module]
Clients = Literal["high", "low", "all"]
TIERS = get_args(Clients)
log = logging.getLogger("zowarmup")


@dataclass(frozen=True, eq=False)
class Training:
    """A model after some rounds; it never changes.

    Attributes:
        w: (d,) float32, the weights.
        round: the rounds so far, over all phases.
        diverged: whether training has failed; no further phase can follow.
    """

    context: Context = field(repr=False)
    seeds: Seeds
    evaluate_every: int
    w: Tensor = field(repr=False)
    round: int = 0
    rows: tuple[MetricsRow, ...] = field(default=(), repr=False)
    costs: Costs = field(default_factory=Costs)
    done: tuple[TrainingPhase, ...] = field(default=(), repr=False)

    @property
    def metrics(self) -> pd.DataFrame:
        """One row for each evaluated round, with the columns of metrics.csv."""
        return pd.DataFrame([row.columns() for row in self.rows])

    def __repr__(self) -> str:
        """The name of the network, the round and the last accuracy."""
        accuracy = (
            f", test accuracy {self.rows[-1].measured.test_accuracy:.3f}" if self.rows else ""
        )
        return f"Training({self.context.network}, round {self.round}{accuracy})"

    @property
    def diverged(self) -> bool:
        """Whether the last evaluation says that training has failed."""
        return bool(self.rows) and self.rows[-1].diverged

    def module(self) -> nn.Module:
        """Return a new plain module with the weights."""
        return self.context.model.module(self.w)

    def warm_up(self, *, rounds: int, lr: float, **settings: Any) -> "Training":
        """Return the training after FedAvg by the high-resource clients; see `phase`."""
        return self.phase("fedavg", clients="high", rounds=rounds, lr=lr, **settings)

    def train(self, *, rounds: int, lr: float, **settings: Any) -> "Training":
        """Return the training after zeroth-order rounds by all clients; see `phase`."""
        return self.phase("zo", clients="all", rounds=rounds, lr=lr, **settings)

    def phase(
        self,
        algorithm: str | Algorithm,
        *,
        clients: Clients,
        rounds: int,
        participation: float = 1.0,
        **settings: Any,
    ) -> "Training":
        """Return the training after one more phase.

        Args:
            algorithm: a name such as "fedavg", "zo" or "fedkseed" with its settings, or an object
                of a class of your own, see docs/your-own.md.
            clients: the tier that takes part.
            participation: the share of these clients that takes part in each round.

        Raises:
            UserError: a setting is wrong, no client is in the tier, or training has failed before.
        """
        if self.diverged:
            raise UserError(f"training has failed by round {self.round}; start from an earlier one")
        if isinstance(algorithm, type):
            name = algorithm.__name__
            raise UserError(f"{name} is a class; give an object of it, such as {name}(lr=0.1)")
        if clients not in TIERS:
            raise UserError(f"clients: {clients}: use {', '.join(TIERS)}")
        if isinstance(algorithm, str):
            common = {"clients": clients, "rounds": rounds, "participation": participation}
            name, method = algorithm, phases.build(_checked(algorithm, common | settings))
        else:
            name, method = type(algorithm).__name__, algorithm
        phase = phases.ready(
            self.context,
            method,
            name=name,
            number=len(self.done) + 1,
            tier=clients,
            participation=participation,
            after=self.round,
            rounds=rounds,
        )
        return self._after(phase)

    def _after(self, phase: TrainingPhase) -> "Training":
        """The training after a phase that is ready; shows a progress bar."""
        follows = self.done[-1] if self.done else None
        step = loop.begin(self.context, phase, self.w, self.costs, follows)
        rows = list(self.rows) or [loop.row(self.context, phase, step)]
        steps = loop.run(self.context, phase, step, self.seeds)
        with tqdm(steps, total=phase.rounds, unit="round") as bar:  # a notebook is no terminal
            for step in bar:
                if step.t % self.evaluate_every == 0 or phase.is_end(step.t):
                    rows.append(loop.row(self.context, phase, step))
                    bar.set_postfix(accuracy=f"{rows[-1].measured.test_accuracy:.3f}")
                    if rows[-1].diverged:
                        log.warning(f"training has failed by round {step.t}; try a smaller lr")
                        break
        return dataclasses.replace(
            self,
            w=step.w,
            round=step.t,
            rows=tuple(rows),
            costs=step.costs,
            done=(*self.done, phase),
        )


def start(
    federation: Federated,
    network: Network,
    *,
    split: str = "10/90",
    seed: int = 0,
    evaluate_every: int = 10,
    width: float = 1.0,
    engine: str = "plain",
    **settings: Any,
) -> Training:
    """Return an untrained model on a federation.

    Args:
        network: a function that takes the shape of an input and the number of classes, a module
            that training starts from as it is, or the name of a built-in network.
        split: percent of high- and low-resource clients, or "given" for the tiers of the data.
        seed: of the first weights, the order of images and the directions.
        engine: its name; `settings` are its other settings, see docs/config.md.

    Raises:
        UserError: names what cannot be used and what to change.
    """
    begin = checked(Beginning, split=split, seed=seed, evaluate_every=evaluate_every, width=width)
    _check_names(network, engine, split, federation.dealt.clients)
    chosen = check(Engine, {"name": engine, **settings}, lambda key: f"engine.{key}")
    spec = JobSpec(
        dataset=federation.data.name,
        federation="notebook",
        split=split,
        model=network if isinstance(network, str) else _name(network),
        width=begin.width,
        engine=EngineSpec(**chosen.model_dump(exclude={"processes"})),
        pin={},
        evaluate_every=begin.evaluate_every,
        snapshot_every=begin.evaluate_every,
    )
    data, factory = federation.data, None if isinstance(network, str) else _factory(network)
    shape, classes = tuple(data.x_train.shape[1:]), data.classes
    model = own_network.build(factory, shape, classes, spec.width) if factory else None
    ready = context.assemble(spec, data, federation.dealt, network=model)
    if factory:
        network_check.check_network(ready, factory, engine)
    seeds = spec.seeds_of(begin.seed)
    return Training(ready, seeds, spec.evaluate_every, context.start(ready, seeds, None))


def _check_names(network: Network, engine: str, split: str, clients: int) -> None:
    if isinstance(network, str) and network not in NETWORKS:
        raise UserError(f"there is no network {network}; use one of {', '.join(NETWORKS)}")
    if engine not in ENGINES:
        raise UserError(f"engine: there is no {engine}; use one of {', '.join(ENGINES)}")
    if split != GIVEN:
        high_clients(split, clients)


def _factory(network: nn.Module | Callable[..., nn.Module]) -> own_network.Factory:
    if not isinstance(network, nn.Module):
        return own_network.Factory(_name(network), network, {})
    module = network  # training starts from these weights for any seed
    return own_network.Factory(_name(module), lambda shape, classes: copy.deepcopy(module), {})


def _name(network: Network) -> str:
    own = type(network) if isinstance(network, nn.Module) else network
    return getattr(own, "__name__", "network")


def _checked(algorithm: str, settings: dict[str, Any]) -> Phase:
    """The phase that settings describe, checked as in a config."""
    if algorithm not in PHASES:
        raise UserError(f"there is no {algorithm}; use one of {', '.join(PHASES)}")
    raw = {"algorithm": algorithm, **settings}
    phase = check(PHASES[algorithm], raw, lambda key: f"{algorithm}: {key}")
    if phase.lr in ("select", AUTO):
        raise UserError(f"{algorithm}: lr: give a number; the workflow can select it")
    return Phase.read(phase.model_dump())
