"""Start the processes of a job through PyTorch's launcher, and end all of them if one fails.

The launcher computes nothing; each process that it starts runs `zowarmup.runtime.worker`. On one
machine the processes meet through files and the loopback interface. A job spans several machines
if each machine starts one launcher; ZOWARMUP_NODES is the number of machines, ZOWARMUP_RENDEZVOUS
the HOST:PORT of the first machine.
"""

import hashlib
import json
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zowarmup.common.errors import UserError, cause
from zowarmup.common.signals import stoppable
from zowarmup.runtime.progress import log

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure
    from torch.distributed.launcher.api import LaunchConfig

NODES, RENDEZVOUS = "ZOWARMUP_NODES", "ZOWARMUP_RENDEZVOUS"
LEAVE = 5  # seconds in which the processes may save their work after a signal
SAME = 5  # seconds within which a kill counts as a cause; torch's own kills come 30 s after one
JOIN = 600  # seconds in which the launchers of all nodes must have started


def _nodes(processes: int) -> tuple[int, str]:
    """The number of machines and the address at which they meet, "" for one machine.

    Raises:
        UserError: the number does not divide `processes`, or the address is not HOST:PORT.
    """
    number, address = os.environ.get(NODES) or "1", os.environ.get(RENDEZVOUS, "")
    if not number.isdecimal() or int(number) < 1 or processes % int(number):
        raise UserError(
            f"{NODES} is {number!r}, but the {processes} processes must divide equally among the "
            f"machines: change {NODES} or engine.processes"
        )
    if int(number) == 1:
        return 1, ""
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise UserError(
            f"{RENDEZVOUS} is {address!r}, but {NODES}={number} machines need an address to meet "
            "at: set it to HOST:PORT of the first machine, such as node01:29400"
        )
    return int(number), address


def run(processes: int, job: Callable[..., None], *arguments: Any, **named: Any) -> None:
    """Run a job in this process, or in `processes` new ones that all run it.

    Args:
        processes: the number on all machines together.
        job: a function of a module, whose arguments are JSON values and paths. If there are
            several processes, they also pass their `group`.

    Raises:
        UserError: the job raised it, a process was killed, or the processes cannot meet.
        RuntimeError: the job raised another error.
        Stopped: a signal has ended the job, whose work so far is saved.
    """
    nodes, address = _nodes(processes)
    with stoppable():
        if processes == 1:
            job(*arguments, **named)
            return
        order = {"job": [job.__module__, job.__qualname__], "arguments": arguments, "named": named}
        with tempfile.TemporaryDirectory(prefix="zowarmup-") as folder:
            _launch(Path(folder), nodes, address, processes, order)


def _launch(folder: Path, nodes: int, address: str, processes: int, order: dict[str, Any]) -> None:
    """Write the order for the workers, start them, and raise the cause if one of them fails."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous import RendezvousError
    from torch.distributed.launcher.api import elastic_launch

    _silence()
    meeting = "env://" if address else f"file://{folder}/group"
    text = json.dumps(order, default=os.fspath)
    own = {"launcher": os.getpid(), "meeting": meeting, "log": str(folder / "log")}
    (folder / "order.json").write_text(json.dumps(own | json.loads(text)), encoding="utf-8")
    start = f"import sys; sys.path[:] = {sys.path!r}; from zowarmup.runtime import worker as w"
    run_id = hashlib.sha256(text.encode()).hexdigest()[:16]
    launch = elastic_launch(_config(folder, nodes, address, processes, run_id), sys.executable)
    try:
        with _relayed(folder / "log"):
            launch("-P", "-c", f"{start}; w.main({str(folder / 'order.json')!r})")
    except ChildFailedError as error:
        raise failure_of(error.failures, processes) from None
    except RendezvousError as error:
        raise UserError(
            f"{RENDEZVOUS}={address}: {nodes} machines did not meet there within {JOIN} s "
            f"({cause(error)}): start the job on each, and check that all can reach the address"
        ) from error


def _silence() -> None:
    """Hide the warnings of PyTorch's launcher, because the job itself reports a failure once."""
    for name in ("torch.distributed.elastic", "torch.distributed.launcher"):
        logging.getLogger(name).propagate = False
        logging.getLogger(name).addHandler(logging.NullHandler())


def _config(folder: Path, nodes: int, address: str, processes: int, run_id: str) -> "LaunchConfig":
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
    from torch.distributed.launcher.api import LaunchConfig

    # A store in a file, since torch's server would listen on every network of the machine.
    inside = {"store_type": "file", "keep_alive_interval": 10**6}
    return LaunchConfig(
        min_nodes=nodes,
        max_nodes=nodes,
        nproc_per_node=processes // nodes,
        run_id=run_id,
        rdzv_backend="c10d",
        rdzv_endpoint=address or str(folder / "rendezvous"),
        rdzv_configs={"timeout": JOIN} | ({} if address else inside),
        local_addr=None if address else "127.0.0.1",  # a host name may have no address
        max_restarts=0,  # a job resumes its work when it is started again
        logs_specs=DefaultLogsSpecs(str(folder / "logs")),
        shutdown_timeout=LEAVE,
        signals_to_handle="",  # `stoppable` handles signals, and lets a second one pass
    )


@contextmanager
def _relayed(pipe: Path) -> Iterator[None]:
    """Within the block, log the lines that the first process writes into a named pipe."""
    os.mkfifo(pipe)
    with open(os.open(pipe, os.O_RDWR), "r+b", buffering=0) as file:
        thread = threading.Thread(target=_relay, args=(os.dup(file.fileno()),), daemon=True)
        thread.start()
        try:
            yield
        finally:
            file.write(b"\n\n")  # the first newline ends a line that was cut short
            thread.join()


def _relay(pipe: int) -> None:
    with open(pipe, encoding="utf-8") as lines:
        while (line := lines.readline()) != "\n":
            with suppress(ValueError):
                log.log(*json.loads(line))


def failure_of(failures: "dict[int, ProcessFailure]", processes: int) -> Exception:
    """Return the error of the process that failed first, because of which the others fail.

    The keys of `failures` are ranks. A killed process leaves no report.
    """
    first = min(failure.timestamp for failure in failures.values())
    for rank, failure in failures.items():
        killed = failure.exitcode < 0 and failure.exitcode != -signal.SIGTERM  # torch sends SIGTERM
        if killed and failure.timestamp <= first + SAME:
            return UserError(
                f"process {rank + 1} of {processes} was killed by {failure.signal_name()}, and the "
                "others ended with it: if memory ran out, set engine.processes lower"
            )
    reports = [f.error_file_data for f in failures.values() if "rank" in f.error_file_data]
    if not reports:
        return RuntimeError(f"one of {processes} processes did not start; see what it printed")
    report = min(reports, key=lambda report: report["timestamp"])
    if report["user"]:
        return UserError(report["message"])
    return RuntimeError(f"process {report['rank'] + 1} of {processes}: {report['message']}")
