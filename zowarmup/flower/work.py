"""The computations of a node: local training, or the scalars of a zeroth-order round.

Both come from the functions of the simulation, called for a cohort of one client. A draw is keyed
by what it is for, and no client's draw depends on the others, so the results are the same bits.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from zowarmup.algorithms.answers import Answer, Answered
from zowarmup.algorithms.engine_protocol import Engine
from zowarmup.algorithms.rounds import Algorithm, Cohort, Replayable, RoundRecord, State
from zowarmup.common.errors import UserError
from zowarmup.data.federation_value import MEGABYTE
from zowarmup.engines import images
from zowarmup.engines.layerwise import Layerwise
from zowarmup.flower.job import MODELS, Job
from zowarmup.flower.node_data import NodeData
from zowarmup.flower.one_client import OneClient
from zowarmup.flower.settings import NodeSettings
from zowarmup.models import memory
from zowarmup.models.flat import FlatModel
from zowarmup.storage import journal
from zowarmup.training import context, inputs
from zowarmup.training.phases import build


@dataclass(frozen=True)
class NodePhase:
    """A phase of the job: its algorithm, and its first and last round."""

    algorithm: Algorithm
    first: int
    last: int


class Work:
    """The computations of one node for one job."""

    def __init__(self, job: Job, settings: NodeSettings, data: NodeData) -> None:
        self.job, self.client, self.data = job, settings.partition_id, data
        spec = job.spec
        torch.set_num_threads(spec.engine.threads)
        self.model = context.model(spec.model, data.shape, data.classes, spec.width)
        self.tier = tier(job, settings, data, self.model)
        self.phases = node_phases(job)

    def phase(self, t: int) -> NodePhase:
        """The phase of round t.

        Raises:
            UserError: the job has no such round.
        """
        for phase in self.phases:
            if phase.first <= t <= phase.last:
                return phase
        raise UserError(f"the server asked for round {t}, which the job does not have")

    def apply(self, state: State, records: Iterable[RoundRecord], t: int) -> tuple[State, int]:
        """Return the state after some records and the last round in it.

        Records of rounds that the state already has are skipped.

        Args:
            t: the last round in `state`.

        Raises:
            RecordError: a record does not fit its phase.
        """
        for record in records:
            if record.round != t + 1:
                continue
            phase, t = self.phase(record.round), record.round
            state = phase.algorithm.begin(state.w) if t == phase.first else state
            method = cast(Replayable, phase.algorithm)
            state = journal.applied(state, record, method, self.job.seeds)
        return state, t

    def local_model(self, w: Tensor, t: int) -> Tensor:
        """The client's model after its local training in round t, (d,).

        Raises:
            UserError: the node is low-resource.
        """
        if self.tier == "low":
            raise UserError(f"client {self.client} is low-resource and does not backpropagate")
        algorithm, engine = self.phase(t).algorithm, self._engine()
        algorithm.round(algorithm.begin(w), t, self._cohort, cast(Engine, engine), self.job.seeds)
        return engine.local[0]

    @torch.no_grad()
    def answer(self, state: State, t: int) -> tuple[Answer, float | None]:
        """The client's message in round t, and its mean loss around w; None with local steps.

        No gradient is recorded, so a low-resource client needs the model, one layer and the
        activations of a micro-batch. Local steps hold several models at once.
        """
        phase, engine = self.phase(t), self._engine()
        method = cast(Answered, phase.algorithm)
        state = method.begin(state.w) if t == phase.first else state
        answers = method.answers(state, t, self._cohort, cast(Engine, engine), self.job.seeds)
        loss = engine.losses.mean().item() if len(engine.losses) else None
        return answers[self.client], loss

    @property
    def _cohort(self) -> Cohort:
        return Cohort((self.client,), (len(self.data.images.y_train),))

    def _engine(self) -> OneClient:
        own = images.part(self.data.images, "train", torch.device("cpu"))
        settings = self.job.spec.engine
        clients = [own] * (self.client + 1)  # the engine finds a client by its number
        return OneClient(
            Layerwise(
                self.model,
                clients,
                settings.micro_batch,
                settings.precision,
                settings.channels_last,
            )
        )


def node_phases(job: Job) -> tuple[NodePhase, ...]:
    """The phases of a job with their rounds."""
    phases, t = [], 0
    for phase in job.spec.phases:
        phases.append(NodePhase(build(phase), t + 1, t + phase.rounds))
        t += phase.rounds
    return tuple(phases)


def tier(job: Job, settings: NodeSettings, data: NodeData, model: FlatModel) -> str:
    """Whether a node is "high"- or "low"-resource: by its setting, its memory or its federation.

    Raises:
        UserError: nothing says so.
    """
    if settings.tier is not None:
        return settings.tier
    if settings.memory is not None:
        batches = [p.settings["batch"] for p in job.spec.phases if p.algorithm in MODELS]
        batch = max((int(str(size)) for size in batches), default=1)
        peak = memory.backprop(model, data.shape, batch, dtype=inputs.dtype_of(data.images))
        return "high" if peak <= MEGABYTE * settings.memory else "low"
    if data.dealt is None:
        raise UserError('set tier="high", tier="low" or memory in --node-config')
    if job.spec.split is None:  # all clients do the same
        return "high"
    high = context.tiers(data.dealt, job.spec, model, data.images)["high"]
    return "high" if settings.partition_id in high else "low"
