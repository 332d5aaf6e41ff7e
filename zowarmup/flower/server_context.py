"""The context of a server: the network and the sizes of the clients, but none of their data."""

from pathlib import Path

import torch

from zowarmup.common.errors import UserError
from zowarmup.data import dataset_file
from zowarmup.engines import images
from zowarmup.engines.images import Images, unscaled
from zowarmup.engines.plain import Plain
from zowarmup.flower.job import Job
from zowarmup.flower.roster import Roster
from zowarmup.training import context
from zowarmup.training.context import Context


def build(job: Job, roster: Roster, data: Path | None) -> Context:
    """Build the context of a run of real clients.

    Args:
        data: a dataset.npz whose test images measure the accuracy; None without.

    Raises:
        UserError: the test images have another shape than the nodes' data.
    """
    spec, device = job.spec, torch.device("cpu")
    torch.set_num_threads(spec.engine.threads)
    model = context.model(spec.model, roster.shape, roster.classes, spec.width)
    nothing = _nothing(roster)
    return Context(
        network=spec.model,
        width=spec.width,
        own_network=None,
        model=model,
        engine=Plain(model, [], spec.engine.micro_batch),  # of no clients: nodes compute
        tiers=roster.by_tier,
        sizes=roster.images,
        train=nothing,
        heldout=nothing,
        heldout_sizes=(0,) * len(roster.images),
        test=_test(data, roster) if data else nothing,
        classes=roster.classes,
        shape=roster.shape,
        device=device,
    )


def _nothing(roster: Roster) -> Images:
    empty = torch.empty(0, dtype=torch.int64)
    return Images(torch.empty(0, *roster.shape, dtype=torch.uint8), unscaled, empty, empty)


def _test(file: Path, roster: Roster) -> Images:
    data = dataset_file.load(file)
    if (shape := tuple(data.x_test.shape[1:])) != roster.shape or data.classes != roster.classes:
        raise UserError(
            f"{file}: its images have the shape {shape} and {data.classes} classes, but those of "
            f"the nodes {roster.shape} and {roster.classes}; give their data set as `data`"
        )
    return images.part(data, "test", torch.device("cpu"))
