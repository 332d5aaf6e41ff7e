"""Jobs for tests/runtime/test_process_group.py, in a module that the workers can import.

Ten clients of digits of several sizes, 3 of them with high resources.
"""

import hashlib
import json
import os
import signal
import time
from pathlib import Path

import kills
import torch

from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds
from zowarmup.data import dataset_file
from zowarmup.data import federation as dealing
from zowarmup.plan.specs import Phase, RunSpec
from zowarmup.runtime.process_group import ALONE
from zowarmup.runtime.progress import log
from zowarmup.training import context, loop, phases
from zowarmup.training.costs import Costs

# engine, network, phase; the cohorts have 7, 5 and 1 clients: no multiples of 2 or 4 processes
CASES = {
    "fedavg": ("batched", "mlp", {"lr": 0.1, "epochs": 1, "batch": 8}),
    "fedavg of one": ("plain", "mlp", {"lr": 0.1, "epochs": 1, "batch": 8, "participation": 0.1}),
    "zo two_point": ("batched", "mlp", {"lr": 0.03}),
    "zo two_point vmap": ("vmap", "resnet_tiny", {"lr": 0.03, "S": 1, "participation": 0.5}),
    "zo directional": ("plain", "cnn", {"lr": 0.03, "estimator": "directional"}),
    "zo_local": ("batched", "mlp", {"lr": 0.003, "S": 2, "batch": 8}),
    "heterofl": ("plain", "mlp", {"lr": 0.1, "epochs": 1, "batch": 8}),
    "fedkseed": ("batched", "mlp", {"lr": 0.003, "K": 64, "batch": 8}),
    "zo_average": ("batched", "mlp", {"lr": 0.03, "average": "mean"}),
    "zo_block": ("batched", "mlp", {"lr": 0.01, "normalise": "block"}),
    "zo_mixed": ("batched", "mlp", {"lr": 0.03, "client_lr": 0.1, "batch": 8, "download": "sign"}),
    "zo_orthogonal": ("vmap", "mlp", {"lr": 0.03}),
    "zo_groups": ("batched", "mlp", {"lr": 0.03, "groups": 2}),
    "zo_low_rank": ("layerwise", "cnn", {"lr": 0.03, "rank": 3, "S": 1}),
    "zo_subset_auto": ("batched", "mlp", {"lr": 0.03, "trial_steps": 2}),
    "zo_scalar_moment": ("layerwise", "mlp", {"lr": 0.003, "window": 2}),
}
ROUNDS = 2


def spec_of(engine, model, *method, **more):
    strides = {"evaluate_every": 2, "snapshot_every": 2}
    spec = kills.spec_of(model=model, phases=list(method), **{"warmup": None} | strides | more)
    return spec | {"engine": spec["engine"] | {"name": engine, "micro_batch": 16}}


def phase_of(algorithm, rounds, **settings):
    given = {"clients": "all", "participation": 0.7} | settings
    return kills.phase(algorithm, rounds, **given)


def federations(folder, data, federation, device="cpu", group=ALONE):
    """Every case for some rounds; each process writes hashes of its models and the last row."""
    images = dataset_file.load(data)
    dealt = uneven(dealing.load(federation, images))
    found = {
        name: rounds(case, name.split()[0], images, dealt, device, group)
        for name, case in CASES.items()
    }
    Path(folder, f"{group.rank}.json").write_text(json.dumps(found))


def uneven(dealt):
    """With different numbers of images, so that clients make different numbers of steps."""
    some = [rows[: len(rows) - 5 * (i % 3)] for i, rows in enumerate(dealt.train)]
    return dealt.model_copy(update={"train": tuple(some)})


def rounds(case, algorithm, data, dealt, device, group):
    engine, model, settings = case
    phase, seeds = phase_of(algorithm, ROUNDS, **settings), Seeds.of(3, {})
    spec = spec_of(engine, model, phase)
    spec["engine"]["device"] = device
    job = context.assemble(RunSpec.read(spec), data, dealt, group)
    (own,) = phases.prepare(job, [Phase.read(phase)])
    begin = loop.begin(job, own, context.start(job, seeds, None), Costs())
    steps = list(loop.run(job, own, begin, seeds))
    models = [hashlib.sha256(step.w.cpu().numpy().tobytes()).hexdigest() for step in steps]
    records = [step.record and step.record.to_json() for step in steps]
    return models, records, repr(loop.row(job, own, steps[-1]))


def fail(how, folder, group):
    """The last process fails in the middle of the work, while the first waits for it."""
    Path(folder, f"{group.rank}.pid").write_text(str(os.getpid()))
    log.info("the work begins")
    group.wait()
    if group.rank == group.size - 1:
        Path(folder, "failed").write_text(str(time.time()))
        FAILURES[how]()
    group.wait()


def meet(group):
    """Every way in which processes talk."""
    assert group.agree(lambda: "the first") == "the first"
    assert group.gather(torch.tensor([group.rank]), group.size).tolist() == [0, 1]


def user_error():
    raise UserError("engine: the gears grind; oil them")


def bug():
    raise ZeroDivisionError("of two numbers")


def long():
    raise RuntimeError("the cause\n" + "a frame of C++\n" * 1000 + "the end")


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def sleep():
    time.sleep(600)


FAILURES = {"user error": user_error, "error": bug, "long": long, "kill": kill, "sleep": sleep}
