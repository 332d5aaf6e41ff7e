"""The rounds of real clients: what a node lacks is sent with the question of the round."""

import math
from collections.abc import Collection, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from zowarmup.algorithms.answers import Answer
from zowarmup.algorithms.rounds import RoundRecord, State
from zowarmup.flower import packing
from zowarmup.flower.client import WEIGHTS
from zowarmup.flower.fleet import Fleet
from zowarmup.flower.messages import Arrays, Reply, Request, Task
from zowarmup.runtime.progress import log


class Federation:
    """The nodes as the rounds see them.

    Args:
        catch_up_limit: missed scalars after which a client gets the model instead of the records;
            None for whichever is shorter.

    Attributes:
        records: of all rounds so far in which scalars travelled, by round.
        missing: the clients that did not answer in time, by round.
        loss: the mean loss that the nodes reported last, NaN if none did.
    """

    def __init__(self, fleet: Fleet, job: str, catch_up_limit: int | None, loss: bool) -> None:
        self.fleet, self.job = fleet, job
        self.catch_up_limit, self.with_loss = catch_up_limit, loss
        self.records: dict[int, RoundRecord] = {}
        self.missing: dict[int, list[int]] = {}
        self.loss = math.nan

    def keep(self, record: RoundRecord) -> None:
        """Keep the record of a round."""
        self.records[record.round] = record

    def train(self, t: int, clients: Collection[int], w: Tensor) -> dict[int, Tensor]:
        """The models of the clients that trained in round t, by client."""
        model = {WEIGHTS: w.numpy()}
        replies = self.fleet.ask(clients, lambda client: self._request("train", t, t - 1, model))
        sent = {i: reply.model.get(WEIGHTS) for i, reply in replies.items()}
        local = {i: x for i, x in sent.items() if x is not None and x.shape == tuple(w.shape)}
        self._note(t, clients, local)
        return {i: torch.from_numpy(np.require(w_i, requirements="W")) for i, w_i in local.items()}

    def answers(self, t: int, numbers: Mapping[int, int], state: State) -> dict[int, Answer]:
        """The answers of clients in round t.

        Args:
            numbers: how many scalars each client is to send.
        """
        replies = self._asked("scalars", t, numbers, state)
        replies = {i: r for i, r in replies.items() if len(r.scalars) == 4 * numbers[i]}
        self._note(t, numbers, replies)
        losses = [loss for reply in replies.values() for loss in reply.loss]
        self.loss = float(np.mean(losses)) if losses else math.nan
        return {i: _answer(reply) for i, reply in replies.items()}

    def sync(self, t: int, clients: Collection[int], state: State) -> Collection[int]:
        """Bring all clients to round t; return those who are there."""
        return self._asked("sync", t, clients, state).keys()

    def _asked(
        self, task: Task, t: int, clients: Collection[int], state: State
    ) -> dict[int, Reply]:
        before = t if task == "sync" else t - 1
        lacking = partial(self._lacking, task, t, before, state)
        return self.fleet.ask(clients, lacking, patient=task == "sync")

    def _lacking(self, task: Task, t: int, before: int, state: State, client: int) -> Request:
        """The request with the records that a client lacks or, past the limit, with the model."""
        applied = self.fleet.applied.get(client, -1)
        wanted = [self.records.get(r) for r in range(applied + 1, before + 1)]
        records = [record for record in wanted if record]
        packed, model = [packing.pack(record) for record in records], _arrays(state)
        if self.catch_up_limit is None:
            too_long = sum(map(len, packed)) > sum(x.nbytes for x in model.values())
        else:
            count = sum(len(cs) for record in records for cs in record.scalars)
            too_long = count > self.catch_up_limit
        if applied < 0 or applied > before or None in wanted or too_long:
            return self._request(task, t, before, model)
        return self._request(task, t, before, {}, packed)

    def _request(
        self, task: Task, t: int, at: int, model: Arrays, records: list[bytes] | None = None
    ) -> Request:
        return Request(self.job, t, task, at, records or [], self.with_loss, model)

    def _note(self, t: int, clients: Collection[int], present: Mapping[int, object]) -> None:
        self.missing.pop(t, None)  # of a server that was killed in this round
        if missing := sorted(set(clients) - set(present)):
            self.missing[t] = missing
            log.warning(f"round {t}: without client {', '.join(map(str, missing))}")


def _answer(reply: Reply) -> Answer:
    scalars = torch.from_numpy(np.frombuffer(reply.scalars, "<f4").astype(np.float32))
    return Answer(scalars, reply.moved[0] if reply.moved else None)


def _arrays(state: State) -> Arrays:
    """The tensors of a state as a message holds them."""
    return {WEIGHTS: state.w.numpy()} | {k: v.numpy() for k, v in state.server.items()}
