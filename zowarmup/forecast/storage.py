"""What lies on the disk in the end, and what a job holds in memory at its worst moment, in bytes.

Text is estimated from the number of values in it, the rest is counted.
"""

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any, cast

import torch

from zowarmup.engines import client_groups
from zowarmup.forecast.flops import costs_of
from zowarmup.forecast.sizes import DOWNLOADS, Size, network, npz_file
from zowarmup.forecast.work import Kind, Piece, Work
from zowarmup.models import memory
from zowarmup.models.flat import FlatModel
from zowarmup.plan.graph import Job
from zowarmup.training import loop
from zowarmup.training.evaluate import BATCH

FLOAT = 4
HEADER = 120  # of a tensor in a checkpoint
ORIGIN = 1200  # of what made a journal, in its first line
SCALAR, INDEX, MEMBER = 21.0, 4.5, 8.0  # text of a journal: a scalar, a candidate, a client
ROW, RECALL = 200, 12  # of metrics.csv: a row, and a class in it
RECORD = 2000  # run.json, logs and benchmarks of a job
SHOWN = {"table": 35_000, "figure": 400_000}  # in all its formats
PLACES = 32  # of an image: its row and its label, in the data set and again as dealt
STACKING = ("batched", "vmap")
SIDE_BY_SIDE = 60  # models at once in an engine that has the option `block`


def disk(work: Work, jobs: Iterable[Job]) -> Mapping[str, float]:
    """Bytes below results/<name>/ by what they are."""
    names = ("data sets", "federations", "snapshots", "journals", "metrics", "final models")
    sums = dict.fromkeys((*names, "tables, figures, logs"), 0.0)
    for job in jobs:
        sums["tables, figures, logs"] += RECORD + SHOWN.get(job.rule, 0)
        if job.rule == "dataset":
            sums["data sets"] += _images(work.sizes[job.name])
        if job.rule == "federation":
            size = work.sizes[work.plan.config.federations[job.name].dataset]
            sums["federations"] += size.train * (1.7 + len(str(size.train)))
        pieces = work.pieces(job) if job.rule != "select" else []
        for piece in pieces:
            sums["metrics"] += piece.rows * (ROW + RECALL * piece.kind.crowd.data.classes)
            sums["journals"] += piece.rounds * _record(piece.kind)
            if job.rule == "warmup":
                sums["snapshots"] += piece.snapshots * _checkpoint(piece.kind)
        if job.rule == "train":
            sums["journals"] += ORIGIN
            sums["final models"] += _checkpoint(pieces[-1].kind, server=False)
    rows = sums["metrics"] * 3  # again with what they are of, in the file of all rows
    return sums | {"metrics": sums["metrics"] + rows}


def downloads(work: Work) -> int:
    """Bytes of archives that are fetched because no file of the data set is there."""
    needed = [d for d in work.plan.config.datasets.values() if not npz_file(d)]
    return sum(DOWNLOADS.get(source, 0) for source in {d.source for d in needed})


def peak(piece: Piece) -> tuple[float, float]:
    """(images, training) of a job beyond a process that has loaded torch."""
    kind, data = piece.kind, piece.kind.crowd.data
    engine, model = kind.spec["engine"], _model(kind)
    at_once = 1
    if engine["name"] in STACKING:
        at_once = engine["options"].get("block", SIDE_BY_SIDE)
    micro = min(engine["micro_batch"], kind.crowd.train)
    steps = [memory.inference(model, data.shape, BATCH)]
    if "eps" in kind.phase:
        steps.append(at_once * memory.inference(model, data.shape, micro))
        # The true gradients that are measured beside the estimate.
        steps.append(at_once * memory.backprop(model, data.shape, micro))
    else:
        batch = min(kind.phase["batch"], kind.crowd.train)
        momentum = kind.phase.get("momentum", 0) > 0
        width = min(at_once, sum(costs_of(kind.phase, kind.crowd).members.values()))
        steps.append(width * memory.backprop(model, data.shape, batch, momentum=momentum))
    return _held(kind), max(steps)


def _held(kind: Kind) -> float:
    """Images of a job: bytes, on a GPU once more than in the main memory, and what is kept beside.

    Engines that stack clients keep the training images normalised where they are few.
    """
    data, engine = kind.crowd.data, kind.spec["engine"]
    copies = 1 if engine["device"] == "cpu" else 2
    trained = kind.crowd.clients * kind.crowd.train * data.pixels
    kept = trained if engine["name"] in STACKING and trained <= client_groups.KEPT else 0
    return (copies * data.pixels + PLACES) * (data.train + data.test) + FLOAT * kept


def _images(size: Size) -> int:
    return (size.pixels + 8) * (size.train + size.test)


def _record(kind: Kind) -> float:
    """A round in a journal; nothing where models travel."""
    phase, known = kind.phase, costs_of(kind.phase, kind.crowd)
    if not loop.has_records(phase):
        return 0.0
    directions, steps = phase.get("S", 1), 1
    if "batch" in phase:
        steps = phase["epochs"] * ceil(kind.crowd.train / phase["batch"])
    chosen = INDEX if "K" in phase else 0.0
    return known.A * (MEMBER + directions * steps * (SCALAR + chosen))


def _checkpoint(kind: Kind, server: bool = True) -> float:
    model = _model(kind)
    kept = _kept(kind, model.d) if server else 0
    return FLOAT * (model.d + kept) + HEADER * len(model.names)


def _kept(kind: Kind, d: int) -> int:
    """Numbers that the server keeps beside the model."""
    rates = {key: 0.1 for key in ("lr", "client_lr") if key in kind.phase}
    method = cast(Any, loop.algorithm({**kind.phase, **rates}))
    state = method.begin(torch.empty(d, device="meta"))
    return sum(tensor.numel() for tensor in state.server.values())


def _model(kind: Kind) -> FlatModel:
    return network(kind.spec["model"], kind.crowd.data, kind.spec["width"])
