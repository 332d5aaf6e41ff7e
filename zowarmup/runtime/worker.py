"""One of the processes that share a job: `launch` starts it and says on its input what to do."""

import importlib
import json
import logging
import os
import signal
import sys
import threading
import traceback
from typing import Any

from zowarmup.common.errors import cause, explain
from zowarmup.common.signals import SIGNALS, Stopped, stoppable
from zowarmup.runtime.process_group import joined
from zowarmup.runtime.progress import log

LONGEST = 2000  # bytes of a report's text: so short a line reaches a shared pipe in one piece


class Teller(logging.Handler):
    """What the first process logs is logged by the one that started it."""

    def __init__(self, reports: int) -> None:
        super().__init__()
        self.reports = reports

    def emit(self, record: logging.LogRecord) -> None:
        tell(self.reports, level=record.levelno, text=record.getMessage())


def main() -> None:
    """Run the job that is ordered; failures are reported, and end the process at once."""
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=end_with_parent, daemon=True).start()
    rank, reports = order["rank"], order["reports"]
    if rank != 0:  # a cluster signals every process; these end when the first has saved for all
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(Teller(reports) if rank == 0 else logging.NullHandler())
    try:
        with stoppable():
            work(order)
    except Stopped:
        pass  # as the process that started this one has asked
    except BaseException as error:
        sentence = explain(error)
        text = sentence or f"{cause(error)}\n{traceback.format_exc()}"
        tell(reports, rank=rank, user=sentence is not None, text=text)
    else:
        return
    os._exit(1)  # at once: taking leave of the others could take for ever


def work(order: dict[str, Any]) -> None:
    """Call the job with its place among the others."""
    module, name = order["job"]
    job = getattr(importlib.import_module(module), name)
    with joined(order["rank"], order["size"], order["meeting"]) as group:
        job(*order["arguments"], **order["named"], group=group)


def end_with_parent() -> None:
    """The other end of the input closes when the process that holds it ends."""
    while os.read(0, 1):
        pass
    os._exit(1)


def tell(reports: int, *, text: str, **more: Any) -> None:
    """Report to the process that started this one; of a long text its two ends."""
    line = json.dumps(more | {"text": shortened(text)}, ensure_ascii=False)
    os.write(reports, line.encode() + b"\n")


def shortened(text: str) -> str:
    """The text without its middle if it is long: the cause stands first, the place last."""
    data = text.encode()
    if len(data) <= LONGEST:
        return text
    ends = data[: LONGEST // 4], data[-LONGEST // 4 * 3 :]
    return " ... ".join(end.decode(errors="ignore") for end in ends)


if __name__ == "__main__":
    main()
