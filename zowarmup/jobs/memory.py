"""The job that measures the peak memory of one client, in a process of its own.

A client is measured twice, from the moment it gets the model, with its images already loaded: first
the growth of the process's resident set, without a profiler; then the peak bytes of torch's
allocator. The first number includes other libraries' memory and the system's rounding, so it is
larger; models.memory predicts the second.
"""

import ctypes
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zowarmup.algorithms.engine_protocol import SGD
from zowarmup.common import seeds
from zowarmup.common.errors import UserError
from zowarmup.config import registry
from zowarmup.engines.images import Images, Scaling, unscaled, whole
from zowarmup.engines.layerwise import Layerwise
from zowarmup.engines.plain import Plain
from zowarmup.models import memory
from zowarmup.models.directions import draw
from zowarmup.models.flat import FlatModel
from zowarmup.storage import run_json
from zowarmup.training import context

Work = Callable[[], object]
RADIUS = 1e-4 * 0.75  # eps * tau of the paper; memory does not depend on it


def measure(settings: Mapping[str, Any], name: str, role: str, code: str, output: Path) -> None:
    """Measure the memory of a client in a role and write it beside the value of the formula.

    Args:
        settings: image `shape`, number of `classes`, `batch`, `device` and `threads`.
        name: the name of the network in the registry.
        role: "high" takes an SGD step on a batch; "low" measures one zeroth-order scalar on equally
            many images, in one micro-batch; "low1" does the same image by image. What follows a
            hyphen, as in "low-64", tells files apart and is not read.

    Raises:
        UserError: the role is unknown.
    """
    role = role.partition("-")[0]
    if role not in ROLES:
        raise UserError(f"memory: there is no role {role}; use one of {', '.join(ROLES)}")
    torch.set_num_threads(settings["threads"])
    model = context.model(name, tuple(settings["shape"]), settings["classes"])
    micro_batch = 1 if role == "low1" else settings["batch"]
    shape = tuple(settings["shape"])
    tokens = settings["classes"] if name in registry.LANGUAGE else None
    data = _data(shape, settings["batch"], settings["device"], tokens)
    formula, work = ROLES[role](model, data, micro_batch)
    resident = resident_growth(work)
    run_json.write(
        output,
        [],
        role=role,
        model=name,
        d=model.d,
        batch=micro_batch,
        images=settings["batch"],
        shape=settings["shape"],
        device=settings["device"],
        threads=settings["threads"],
        formula_bytes=formula,
        resident_growth_bytes=resident,
        allocator_peak_bytes=allocator_peak(work, torch.device(settings["device"])),
        code=code,
    )


def high(model: FlatModel, data: Images, batch: int) -> tuple[int, Work]:
    """The formula and the work of a client that trains by backpropagation."""
    engine = Plain(model, [data], batch)
    received, order = model.initial(0).to(data.raw.device), torch.arange(len(data)).view(1, 1, -1)

    def step() -> None:
        for _ in engine.local_sgd(
            received, (0,), order, SGD(batch, lr=0.1)
        ):  # in its own copy of the model
            pass

    return memory.backprop(model, data.raw.shape[1:], batch, dtype=_input(data)), step


def low(model: FlatModel, data: Images, batch: int) -> tuple[int, Work]:
    """The formula and the work of a client that can only run the model forward."""
    engine = Layerwise(model, [data], batch)
    received = model.initial(0).to(data.raw.device)
    directions = draw(0, 1, [0], 1, model.d, device=data.raw.device)

    def two_point() -> Tensor:
        return engine.two_point(received.clone(), (0,), directions, radius=RADIUS)

    return memory.zeroth_order(model, data.raw.shape[1:], batch, _input(data)), two_point


ROLES = {"high": high, "low": low, "low1": low}


def allocator_peak(work: Work, device: torch.device) -> int:
    """Return the peak bytes of torch's tensors and scratch in `work`, beyond those before it."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return torch.cuda.max_memory_allocated() - before
    cpu = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=cpu, profile_memory=True) as watched:
        work()
    return _highest(watched)


def _highest(watched: torch.profiler.profile) -> int:
    """The largest sum of allocations less releases, in the order in which they happened."""
    profiler: Any = watched.profiler
    events = [e for e in profiler.kineto_results.events() if e.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return peak


def resident_growth(work: Work) -> int | None:
    """The growth of the resident set of this process during `work`, in bytes; None if unknown.

    Code that is loaded on first use counts, so call this in a fresh process, before other work.
    Memory that the process has freed is first returned to the system, or it would hide growth.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # forgets the highest value so far
        before = _status("VmRSS")
        work()
        return _status("VmHWM") - before
    except (OSError, KeyError, AttributeError):  # no Linux, or no glibc
        return None


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return 1024 * int(fields[key].split()[0])  # given in kB, which are 1024 bytes


def _input(data: Images) -> torch.dtype:
    """The number type of the inputs as the network gets them."""
    return torch.int64 if data.raw.dtype == torch.int64 else torch.float32


def _data(shape: memory.Shape, images: int, device: str, tokens: int | None) -> Images:
    """Return random images, or texts of `tokens` different tokens.

    Their content does not change the memory.
    """
    generator = torch.Generator().manual_seed(seeds.signed(seeds.key("memory")))
    if tokens:
        raw = torch.randint(tokens, (images, *shape), generator=generator).to(device)
        return whole(raw, raw, unscaled)
    raw = torch.randint(256, (images, *shape), generator=generator, dtype=torch.uint8)
    middle = torch.full((shape[0], *[1] * (len(shape) - 1)), 0.5, device=device)
    scaling = Scaling(torch.tensor(255.0, device=device), middle, middle)
    return whole(raw.to(device), (torch.arange(images) % 2).to(device), scaling)
