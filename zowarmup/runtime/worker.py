"""One of the processes that share a job, as `launch` starts it."""

import importlib
import json
import logging
import os
import signal
import threading
import time
import traceback
from pathlib import Path
from typing import TextIO

from zowarmup.common.errors import cause, explain
from zowarmup.common.signals import SIGNALS, Stopped, stoppable
from zowarmup.runtime.process_group import joined
from zowarmup.runtime.progress import log

LOOK = 0.5  # seconds between two looks at the launcher


class PipeHandler(logging.Handler):
    """Writes log records into the pipe from which the launcher logs them."""

    def __init__(self, pipe: TextIO) -> None:
        super().__init__()
        self.pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        """Write the level and the text of a record as one line."""
        print(json.dumps([record.levelno, record.getMessage()]), file=self.pipe, flush=True)


def main(order_file: str) -> None:
    """Run the job in an order file; report a failure to the launcher and end the process."""
    order = json.loads(Path(order_file).read_text(encoding="utf-8"))
    threading.Thread(target=end_with, args=[order["launcher"]], daemon=True).start()
    rank = int(os.environ["RANK"])
    log.setLevel(logging.INFO)
    log.propagate = False
    if rank == 0:
        pipe = open(order["log"], "w", encoding="utf-8")  # noqa: SIM115 (open until the end)
        log.addHandler(PipeHandler(pipe))
    else:  # a signal reaches all; these processes end when the first has saved for all
        log.addHandler(logging.NullHandler())
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
    try:
        with stoppable():
            module, name = order["job"]
            job = getattr(importlib.import_module(module), name)
            with joined(order["meeting"]) as group:
                job(*order["arguments"], **order["named"], group=group)
    except Stopped:
        pass  # the launcher knows of the signal
    except BaseException as error:
        report(error, rank)
    else:
        return
    os._exit(1)  # without waiting for the other processes, which could take for ever


def end_with(launcher: int) -> None:
    """End this process when the process that started it has ended."""
    while os.getppid() == launcher:
        time.sleep(LOOK)
    os._exit(1)


def report(error: BaseException, rank: int) -> None:
    """Write the file in which torch's launcher looks for the cause of a failure."""
    sentence = explain(error)
    text = sentence or f"{cause(error)}\n{traceback.format_exc()}"
    fault = {"message": text, "timestamp": time.time(), "rank": rank, "user": sentence is not None}
    Path(os.environ["TORCHELASTIC_ERROR_FILE"]).write_text(json.dumps(fault), encoding="utf-8")
