"""Kills the jobs of a small study at random moments: python tests/kills.py FOLDER KILLS SEED.

Selection, warm-up and run, each as the workflow calls it, in forks of this process, which has
imported torch but never computes. Every job is started again until it ends by itself; the chain is
gone through again in a new folder until there were as many kills as asked for. Prints as JSON how
many kills each job and signal had, and how long the slowest leave took.

    FOLDER/whole        undisturbed
    FOLDER/0, 1, ...    killed again and again
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from zowarmup.common.job_log import log_to
from zowarmup.config.phase_settings import PHASES
from zowarmup.data import dataset_file, federation
from zowarmup.jobs import select as job_select
from zowarmup.jobs import train as job_train
from zowarmup.jobs import warmup
from zowarmup.runtime import launch

SIGNALS = ("SIGKILL", "SIGKILL", "SIGTERM", "SIGINT", "SIGUSR1")  # the first is the hardest
CAUGHT = [signal.Signals[name] for name in ("SIGTERM", "SIGINT", "SIGUSR1")]
LONGEST = 0.5  # of the time that the undisturbed job takes, until it is killed at the latest
LEAVE = 10.0  # seconds in which a job must have ended
LONG = {"rounds": 500, "phases": (200, 400, 200, 400)}  # some seconds, so that kills hit the middle
SHORT = {"rounds": 120, "phases": (40, 60, 40, 60)}

Job = Callable[[], None]
Spec = dict[str, Any]


def phase(algorithm: str, rounds: int, **settings: Any) -> Spec:
    given = {"algorithm": algorithm, "rounds": rounds, **settings}
    return PHASES[algorithm].model_validate(given).model_dump()


def averaging(rounds: int, clients: str = "high", **settings: Any) -> Spec:
    own: Spec = {"clients": clients, "epochs": 1, "batch": 8, "lr": 0.1, "participation": 0.6}
    return phase("fedavg", rounds, **own | settings)


def zeroth(rounds: int) -> Spec:
    return phase("zo", rounds, clients="all", lr=0.03, participation=0.5)


def spec_of(**more: Any) -> Spec:
    engine = {"name": "batched", "device": "cpu", "threads": 1, "micro_batch": 64}
    plain = {"precision": "float32", "channels_last": False, "options": {}}
    own = {"dataset": "digits", "federation": "default", "split": "30/70", "model": "mlp"}
    strides = {"evaluate_every": 20, "snapshot_every": 40}
    return {**own, "width": 1.0, "engine": engine | plain, "pin": {}, **strides, **more}


def short_chain(folder: Path) -> None:
    """Save the images, and do a short chain of jobs in `whole`."""
    images(folder)
    for _, job in jobs(folder, folder / "whole", **SHORT):
        job()


def images(folder: Path) -> None:
    data = dataset_file.load_source("digits", images_train=300, images_test=60)
    dataset_file.save(data, folder / "dataset.npz")
    dealt = federation.build(data, clients=10, alpha=0.5, holdout=0.1, seed=3)
    federation.save(dealt, folder / "federation.json")


def jobs(
    inputs: Path, folder: Path, rounds: int, phases: tuple[int, int, int, int], processes: int = 1
) -> Iterator[tuple[str, Job]]:
    """Selection, warm-up and run, each of which reads what the one before it has made.

    Args:
        inputs: the folder of the images.
        folder: for what the jobs make.
        rounds: of the warm-up.
        phases: rounds of each phase of the run; its pivot is the first.
    """
    data, dealt = inputs / "dataset.npz", inputs / "federation.json"
    chosen = {"selection": "any", "axis": "1.lr"}

    def select() -> None:
        own = averaging(100) | {"lr": {"selection": "this", "axis": "1.lr"}}
        trial = {"phases": [own], "name": "this", "axes": {"1.lr": [0.03, 0.1, 0.3]}, "seeds": [3]}
        spec = spec_of(**trial)
        launch.run(
            processes, job_select.select_rates, spec, "code", data=data, federations=[dealt],
            selections=[],
            selection=folder / "select/selection.json",
        )  # fmt: skip

    def warm() -> None:
        own = averaging(rounds) | {"lr": chosen}
        launch.run(
            processes, warmup.warm_up, spec_of(phase=own), 3, "code", data=data,
            federation=dealt, selections=[folder / "select/selection.json"],
            snapshots=folder / "warm/snapshots", metrics=folder / "warm/metrics.csv",
            run_record=folder / "warm/run.json",
        )  # fmt: skip

    def train() -> None:
        first, second, third, fourth = phases
        settings = [averaging(first), zeroth(second), averaging(third, "all"), zeroth(fourth)]
        settings[0] |= {"lr": chosen}
        launch.run(
            processes, job_train.train_run, spec_of(phases=settings, warmup="any"), 3, "code",
            data=data, federation=dealt, selections=[folder / "select/selection.json"],
            warmup=folder / "warm/snapshots", warmup_metrics=folder / "warm/metrics.csv",
            metrics=folder / "run/metrics.csv", run_record=folder / "run/run.json",
            final=folder / "run/final.safetensors",
        )  # fmt: skip

    yield from {"select": select, "warm": warm, "run": train}.items()


def fork(job: Job, log: Path) -> int:
    """Start a process that does the job as a script of the workflow does.

    Signals are held back until the job can hear them: Python ignores what is raised while it forks.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return child
    code = 1
    try:
        with log_to(log):
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            job()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(code)


def ended(child: int, seconds: float) -> int | None:
    """The exit code of a process that ends within some time, else None."""
    until = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            return None
        time.sleep(0.002)


def finish(
    name: str, job: Job, log: Path, draw: random.Random, counts: Counter[str], longest: float
) -> float:
    """Kill a job until it ends by itself; returns how long it took at most to leave, in seconds."""
    slowest = 0.0
    while True:
        child = fork(job, log)
        code = ended(child, draw.uniform(0, longest))
        if code == 0:
            return slowest
        if code is not None:
            sys.exit(f"{name} failed by itself with {code}:\n{log.read_text()}")
        chosen = draw.choice(SIGNALS)
        began = time.monotonic()
        os.kill(child, signal.Signals[chosen])
        if ended(child, LEAVE) is None:
            sys.exit(f"{name} is still there {LEAVE} s after {chosen}")
        slowest = max(slowest, time.monotonic() - began)
        counts.update([name, chosen])


def undisturbed(folder: Path) -> dict[str, float]:
    """Do the chain in `whole` without a kill; returns the seconds that each job takes."""
    seconds = {}
    for name, job in jobs(folder, folder / "whole", **LONG):
        began = time.monotonic()
        if ended(fork(job, folder / "log"), 600) != 0:
            sys.exit(f"{name} failed, undisturbed:\n{(folder / 'log').read_text()}")
        seconds[name] = time.monotonic() - began
    return seconds


def main(folder: Path, kills: int, seed: int) -> None:
    draw, counts, slowest, number = random.Random(seed), Counter[str](), 0.0, 0
    images(folder)
    seconds = undisturbed(folder)
    while sum(counts[name] for name in set(SIGNALS)) < kills:
        for name, job in jobs(folder, folder / str(number), **LONG):
            longest = LONGEST * seconds[name]
            slowest = max(slowest, finish(name, job, folder / "log", draw, counts, longest))
        number += 1
    print(json.dumps({"kills": counts, "slowest": slowest, "chains": number}))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
