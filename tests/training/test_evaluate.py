"""Statistics of static norms come from batches in which the clients are mixed."""

import torch
from small_runs import job_spec

from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation import Federation
from zowarmup.models import static_norm
from zowarmup.training import context as contexts
from zowarmup.training import evaluate
from zowarmup.training.context import Context


def test_a_batch_for_static_norms_mixes_the_clients(context: Context) -> None:
    """Every image once; a batch has images of nearly all ten clients, in the same order again."""
    first, *others = evaluate.norm_batches(context.train)
    again = next(evaluate.norm_batches(context.train))
    assert torch.equal(first, again)
    seen = torch.cat([first, *others]).flatten(1)
    assert torch.equal(seen.unique(dim=0), context.train.x().flatten(1).unique(dim=0))
    assert len(seen) == len(context.train)
    in_order = context.train.x().flatten(1)
    places = torch.cdist(first[:20].flatten(1), in_order).argmin(dim=1).tolist()
    owners = torch.arange(10).repeat_interleave(torch.tensor(context.sizes))
    assert len({owners[place].item() for place in places}) >= 6


def test_an_evaluation_uses_the_mixed_batches(data: Dataset, dealt: Federation) -> None:
    spec = job_spec(model="preresnet_tiny", engine={"name": "plain"})
    context = contexts.assemble(spec, data, dealt)
    w = context.model.initial(1)
    measured = evaluate.evaluate(context, w)
    statistics = static_norm.collect(context.model, w, evaluate.norm_batches(context.train))
    with static_norm.using(context.model, statistics), torch.no_grad():
        losses, _ = evaluate.outcomes(context.model, w, context.test)
    assert measured.test_loss == losses.mean().item()
