"""Check a network of the user's own on a few images, before any job trains with it.

Whatever a federated run cannot carry is said here in one sentence, before it costs hours.
"""

import inspect

import torch
from torch import Tensor

from zowarmup.algorithms.engine_protocol import SGD
from zowarmup.common.errors import UserError, cause
from zowarmup.models import loss, memory, static_norm, structure
from zowarmup.models.directions import draw
from zowarmup.models.flat import FlatModel
from zowarmup.models.own_network import Factory
from zowarmup.training.context import Context

MEGABYTE = 10**6
BATCH = 1e-3  # how far, relative to the largest output, other inputs of a batch may round one
VECTORS = 8  # of the size of w that an engine and a phase hold at once


def check_network(
    context: Context, factory: Factory, engine: str, memory_mb: int | None = None
) -> float:
    """Check a network on its first batch: forward twice, backward once, and once by the engine.

    Args:
        factory: the function that built the network of the context.
        engine: the name of the context's engine.
        memory_mb: the memory that a process may use, if there is a limit.

    Returns:
        The mean loss of the batch at the first weights.

    Raises:
        UserError: names the file, what is wrong and what to change.
    """
    model, w = context.model, context.model.initial(0).to(context.device)
    _check_drawing(context, factory, w)
    # Two images at least, so that half of them can be compared with all.
    batch = context.train.cut(0, min(len(context.train), max(2, context.sizes[0])))
    with factory.errors():
        first = _loss(model, factory.name, w, batch.x(), batch.y, context.classes)
    if memory_mb is not None:
        _check_memory(context, batch.x(), factory.name, memory_mb)
    _check_engine(context, factory.name, engine, w)
    return first


def _check_drawing(context: Context, factory: Factory, w: Tensor) -> None:
    """Check that a seed decides the weights, and that constants do not depend on it."""
    if not torch.equal(w, context.model.initial(0).to(w.device)):
        raise UserError(
            f"{factory.name}: starts from other weights each time; draw them with torch alone, "
            "whose random numbers come from the seed of the run"
        )
    other = factory.module(context.shape, context.classes, seed=1)
    constants = structure.parts(other).constants
    for name, value in context.model.constants.items():
        if not torch.equal(value, constants[name].to(value.device)):
            raise UserError(
                f"{factory.name}: {name} does not train, but is drawn at random, so it would "
                "differ between seeds; give it fixed values, or make it a parameter that trains"
            )


def _loss(model: FlatModel, source: str, w: Tensor, x: Tensor, y: Tensor, classes: int) -> float:
    _check_forward(model, source)
    w, given = w.clone().requires_grad_(), x.clone()
    constants = {name: value.clone() for name, value in model.constants.items()}
    out = model.logits(w, x)
    _check_output(out, source, y, classes)
    fault = ""
    if not static_norm.has(model) and not _alone(model, w, x, out):
        fault = (
            "mixes the inputs of a batch, so a loss would depend on the other inputs: use "
            "GroupNorm, or zowarmup.models.static_norm.StaticNorm in place of BatchNorm2d"
        )
    if not same(out, model.logits(w, x)):
        fault = "gives another output for the same input; take randomness out of forward"
    if not torch.equal(x, given):
        fault = "changes its input in forward; work on a copy"
    if changed := [n for n, value in constants.items() if not torch.equal(value, _now(model, n))]:
        fault = f"changes {changed[0]} in forward, which no round averages; leave that out"
    of_batch = loss.mean(out, y)
    if not fault and not of_batch.isfinite():
        fault = (
            f"has the loss {of_batch.item()} at its first weights; scale them, or its output, down"
        )
    if not fault and not of_batch.requires_grad:
        fault = "has an output without gradient; do not detach it, and leave out torch.no_grad"
    if not fault and not torch.autograd.grad(of_batch, w)[0].isfinite().all():
        fault = "has a gradient that is not finite at its first weights; scale them down"
    if fault:
        raise UserError(f"{source}: {fault}")
    return of_batch.item()


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal, a missing number being equal to itself."""
    return torch.equal(a.nan_to_num(), b.nan_to_num())


def _alone(model: FlatModel, w: Tensor, x: Tensor, out: Tensor) -> bool:
    """Whether the outputs of half a batch are those of the whole one, up to rounding."""
    half, scale = (len(x) + 1) // 2, out.nan_to_num().abs().max().item()
    part = model.logits(w, x[:half])
    return torch.allclose(part, out[:half], rtol=0, atol=BATCH * scale, equal_nan=True)


def _check_forward(model: FlatModel, source: str) -> None:
    """Check that forward needs one input alone."""
    parameters = [*inspect.signature(type(model.network).forward).parameters.values()][2:]
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]
    if needed:
        raise UserError(
            f"{source}: forward needs {', '.join(needed)} beside its input, but clients hold "
            "inputs and labels alone; give it a default"
        )


def _check_output(out: object, source: str, y: Tensor, classes: int) -> None:
    out, shape = structure.one_tensor(out, source), (*y.shape, classes)
    if out.shape != shape or out.dtype != torch.float32:
        each = " of each token" if y.dim() > 1 else ""
        raise UserError(
            f"{source}: forward returns {tuple(out.shape)} {out.dtype} for {len(y)} inputs and "
            f"{classes} classes; return {shape} torch.float32, one number for each class{each}"
        )


def _now(model: FlatModel, name: str) -> Tensor:
    """A constant as the last forward pass left it."""
    path, _, last = name.rpartition(".")
    value: Tensor = getattr(model.shell.get_submodule(path), last)
    return value.to(model.constants[name].device)


def _check_memory(context: Context, x: Tensor, source: str, memory_mb: int) -> None:
    model, (batch, *shape) = context.model, x.shape
    # With data, because the values of an input may decide what a network computes.
    saved = memory.saved(model, tuple(shape), batch, x.dtype, context.device)
    need = VECTORS * memory.FLOAT * model.d + saved
    if need > memory_mb * MEGABYTE:
        raise UserError(
            f"{source}: {model.d:,} parameters and a batch of {batch} need about "
            f"{need / MEGABYTE:,.0f} MB, but the job has {memory_mb}; set `jobs.memory_mb` to "
            f"{round(1.5 * need / MEGABYTE)}, or use smaller batches"
        )


def _check_engine(context: Context, source: str, name: str, w: Tensor) -> None:
    """Check that the engine can run the network, forward and backward."""
    directions = draw(0, 1, [0], 1, context.model.d, device=w.device)
    orders = torch.arange(context.sizes[0]).view(1, 1, -1)
    try:
        context.engine.two_point(w, (0,), directions, 1e-3)
        for _ in context.engine.local_sgd(w, (0,), orders, SGD(context.sizes[0], lr=1e-3)):
            pass
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{source}: the engine {name} cannot run it ({cause(error)}); set engine.name to plain"
        ) from error
