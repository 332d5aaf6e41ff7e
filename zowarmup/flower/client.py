"""A node: it answers the server's messages from its own data and its own folder."""

import numpy as np
import torch
from torch import Tensor

from zowarmup.algorithms.answers import Answer
from zowarmup.algorithms.rounds import State
from zowarmup.common.errors import UserError
from zowarmup.flower import node_data, node_folder, packing
from zowarmup.flower.messages import Arrays, Identity, Reply, Request, Status
from zowarmup.flower.node_folder import NEVER, NodeFolder
from zowarmup.flower.settings import NodeSettings
from zowarmup.flower.work import Work
from zowarmup.storage import checkpoint
from zowarmup.storage.checkpoint import About

WEIGHTS = "w"  # the name of the model among the arrays of a message


def hello(settings: NodeSettings, job: str) -> Identity:
    """Take the server's job, and say who the node is.

    Raises:
        UserError: the node's data cannot be read, or the job is not for a node.
    """
    with node_folder.opened(settings.folder) as folder:
        data, taken = node_data.load(settings), folder.take(job)
        work = Work(taken, settings, data)
        _, applied = _model(folder, work)
        return Identity(
            client=settings.partition_id,
            high=work.tier == "high",
            images=len(data.images.y_train),
            shape=list(data.shape),
            classes=data.classes,
            scaling=data.scaling,
            applied=applied,
        )


def answer(settings: NodeSettings, request: Request) -> Reply:
    """Bring the node's model up to date, keep it, and do the request's task."""
    with node_folder.opened(settings.folder) as folder:
        job = folder.job()
        if job is None or job.fingerprint != request.job:
            return _reply(settings, request, NEVER, "no-job")
        work = Work(job, settings, node_data.load(settings))
        try:
            if request.task == "train":
                local = work.local_model(_state(request.model).w, request.round)
                return _reply(settings, request, NEVER, "ok", model={WEIGHTS: local.numpy()})
            return _in_sync(settings, folder, work, request)
        except UserError as error:
            return _reply(settings, request, NEVER, "refused", str(error))


def _in_sync(settings: NodeSettings, folder: NodeFolder, work: Work, request: Request) -> Reply:
    """The reply of a node that keeps the model."""
    needed = request.round if request.task == "sync" else request.round - 1
    state, before = _model(folder, work)
    if request.model:
        state, before = _state(request.model), NEVER
        applied = request.at
    else:
        applied = before
    if state is None:
        return _reply(settings, request, NEVER, "behind")
    state, applied = work.apply(state, map(packing.unpack, request.records), applied)
    if applied != before:
        _keep(folder, work, state, applied)
    if applied != needed:
        return _reply(settings, request, applied, "behind")
    if request.task == "sync":
        return _reply(settings, request, applied, "ok")
    answer, loss = work.answer(state, request.round)
    losses = [loss] if request.loss and loss is not None else []
    return _reply(settings, request, applied, "ok", answer=answer, loss=losses)


def _reply(
    settings: NodeSettings,
    request: Request,
    applied: int,
    status: Status,
    reason: str = "",
    *,
    answer: Answer | None = None,
    loss: list[float] | None = None,
    model: Arrays | None = None,
) -> Reply:
    return Reply(
        client=settings.partition_id,
        round=request.round,
        applied=applied,
        status=status,
        reason=reason,
        scalars=answer.scalars.numpy().astype("<f4").tobytes() if answer else b"",
        moved=[answer.moved] if answer and answer.moved is not None else [],
        loss=loss or [],
        model=model or {},
    )


def _model(folder: NodeFolder, work: Work) -> tuple[State | None, int]:
    """The node's model and the last round in it; None for a missing or damaged one."""
    try:
        kept = checkpoint.load(folder.model)
        return State(work.model.flatten(kept.named), kept.server), kept.about.round
    except (UserError, ValueError):
        return None, NEVER


def _keep(folder: NodeFolder, work: Work, state: State, t: int) -> None:
    spec, data = work.job.spec, work.data
    about = About(
        model=spec.model, width=spec.width, shape=data.shape, classes=data.classes, round=t
    )
    checkpoint.save(folder.model, work.model, state, about)


def _state(model: Arrays) -> State:
    """The state in the arrays of a message."""
    tensors: dict[str, Tensor] = {
        name: torch.from_numpy(np.require(x, requirements="W")) for name, x in model.items()
    }
    return State(tensors.pop(WEIGHTS), tensors)
