"""Starts the processes that share a job, waits for them, and ends all of them if one fails.

    this process    computes nothing; it hears all reports and can end the others whatever they do
    process 0..N-1  run the job, see worker; they end with this one, in whatever way it ends

Orders go down the workers' standard inputs, which stay open as a sign of life. Reports come back
through one pipe that all share, in the order in which they were made: so the cause of a failure is
heard before what followed from it elsewhere.
"""

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from zowarmup.common.errors import UserError
from zowarmup.common.signals import Stopped, stoppable

ROOT = Path(__file__).parents[2]  # what the workers import the package from
WAIT = 0.1  # seconds between two looks at who is alive
LEAVE = 5.0  # seconds in which the first process may save what there is
GRACE = 0.5  # seconds in which the others may say, or show, what has really happened

CARDS = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")
BETWEEN_MACHINES = (*CARDS, "GLOO_DEVICE_TRANSPORT")

Worker = subprocess.Popen[bytes]


def run(processes: int, job: Callable[..., None], *arguments: Any, **named: Any) -> None:
    """A job here, or by several new processes of this machine that all run it.

    Args:
        job: a function of a module; then it also gets its `ranks`.
        arguments, named: what JSON can hold, and paths.

    Raises:
        UserError: as the job does, or a process was killed.
        RuntimeError: the job failed otherwise.
        Stopped: a signal has asked for the end; what the job had done is saved.
    """
    with stoppable():
        _run(processes, job, arguments, named)


def _run(
    processes: int, job: Callable[..., None], arguments: Sequence[Any], named: dict[str, Any]
) -> None:
    if processes == 1:
        job(*arguments, **named)
        return
    order = {
        "job": [job.__module__, job.__qualname__],
        "size": processes,
        "arguments": arguments,
        "named": named,
    }
    with tempfile.TemporaryDirectory(prefix="zowarmup-") as folder:
        _together(processes, order | {"meeting": f"{folder}/meeting"})


def _together(processes: int, order: dict[str, Any]) -> None:
    reports, told = os.pipe()
    team: list[Worker] = []
    try:
        try:
            for rank in range(processes):
                team.append(_start(told))
                _say(team[-1], order | {"rank": rank, "reports": told})
        finally:
            os.close(told)
        _watch(team, reports)
    except Stopped:
        if team:  # it saves for all; what it waits for the others still deliver
            team[0].terminate()
            with suppress(subprocess.TimeoutExpired):
                team[0].wait(LEAVE)
        raise
    finally:
        for worker in team:
            worker.kill()
        for worker in team:
            worker.communicate()
        os.close(reports)


def _start(reports: int) -> Worker:
    """In a process group of its own, so that an interrupt from the terminal meets us alone."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "zowarmup.runtime.worker"],
        stdin=subprocess.PIPE,
        env=_environment(),
        pass_fds=[reports],
        process_group=0,
    )


def _environment() -> dict[str, str]:
    """This package, and the network inside of this machine: its name need not have an address.

    What a cluster sets about the network between machines has no meaning here, where a card that
    it names may be missing.
    """
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    kept = {name: value for name, value in os.environ.items() if name not in BETWEEN_MACHINES}
    inside = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), "lo")
    return kept | dict.fromkeys(CARDS, inside) | {"PYTHONPATH": os.pathsep.join(path)}


def _say(worker: Worker, order: dict[str, Any]) -> None:
    assert worker.stdin is not None
    try:
        worker.stdin.write(json.dumps(order, default=os.fspath).encode() + b"\n")
        worker.stdin.flush()
    except BrokenPipeError:
        pass  # it is dead already, which _watch will find


def _watch(team: Sequence[Worker], reports: int) -> None:
    """Until all are done, or one has failed and the others have had their say."""
    failure: dict[str, Any] | None = None
    text, deadline = b"", float("inf")
    while time.monotonic() < deadline:
        codes = [worker.poll() for worker in team]  # first, so that their reports are all there
        more = select.select([reports], [], [], WAIT)[0] and os.read(reports, 1 << 16)
        *lines, text = (text + (more or b"")).split(b"\n")
        for report in map(json.loads, lines):
            if "level" in report:
                logging.getLogger("zowarmup").log(report["level"], report["text"])
            else:
                failure = failure or report
        if not more and None not in codes:
            break
        if failure or any(codes):
            deadline = min(deadline, time.monotonic() + GRACE)
    _judge([worker.poll() for worker in team], failure)


def _judge(codes: Sequence[int | None], failure: dict[str, Any] | None) -> None:
    """Raise what went wrong: a killed process has told nobody, and the others fail because of it.

    Raises:
        UserError, RuntimeError: unless nothing did.
    """
    for rank, code in enumerate(codes):
        if code is not None and code < 0:
            raise UserError(
                f"process {rank + 1} of {len(codes)} was killed by {signal.Signals(-code).name}, "
                "which has ended the others; if memory ran out set engine.processes lower"
            )
    if failure is None and any(codes):
        raise RuntimeError(f"one of {len(codes)} processes did not start; see what it printed")
    if failure and failure["user"]:
        raise UserError(failure["text"])
    if failure:
        raise RuntimeError(f"process {failure['rank'] + 1} of {len(codes)}: {failure['text']}")
