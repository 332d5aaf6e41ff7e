"""`make flower`: a SuperLink and three SuperNodes on this machine, compared with the simulation.

    python tools/flower_demo.py [FOLDER]

Without FOLDER, all files lie in a temporary folder that is deleted at the end.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from demonstration import Demonstration

from zowarmup.common import signals
from zowarmup.common.errors import UserError
from zowarmup.common.signals import Stopped
from zowarmup.flower.local_federation import LocalFederation
from zowarmup.flower.settings import Plain

SHOWN = ("nodes", "round ", "test accuracy", "client ", "finished", "Error", "error")


def demo(folder: Path) -> bool:
    """Train with real clients and in the simulation; return whether the results are the same."""
    print("simulation: the same run in one process", flush=True)
    run = Demonstration.of(folder)
    run.simulate()
    print(f"real clients: a SuperLink and three SuperNodes, logs in {folder}/logs", flush=True)
    with LocalFederation(folder) as federation:
        run.start_nodes(federation)
        follow(federation, run.settings())
    return compared(run)


def temporary() -> bool:
    """The demonstration in a folder that is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="zowarmup-flower-") as folder:
        return demo(Path(folder))


def follow(federation: LocalFederation, settings: Mapping[str, Plain]) -> None:
    """Submit the run, and show the server's progress until it ends.

    Raises:
        UserError: the run has failed.
    """
    process, shown = federation.run(settings), 0
    while process.poll() is None:
        shown = _show(federation.log("run"), shown)
        time.sleep(0.5)
    _show(federation.log("run"), shown)
    if "finished after" not in federation.log("run").read_text():
        raise UserError(f"{federation.log('run')}: the run has failed; see there")


def _show(log: Path, start: int) -> int:
    """Print the server's lines of a log from a byte on; return where the next lines begin."""
    whole = log.read_bytes()[start:].rpartition(b"\n")[0]
    for line in whole.decode(errors="replace").splitlines():
        if any(word in line for word in SHOWN):
            print(f"  {line}", flush=True)
    return start + len(whole)


def compared(run: Demonstration) -> bool:
    """Say whether the results are the same bytes as the simulation's."""
    same = run.compared()
    for name, equal in same.items():
        print(f"{name}: {'the same bytes as' if equal else 'DIFFERS from'} the simulation's")
    return all(same.values())


def end_with(work: Callable[[], bool]) -> NoReturn:
    """End the program after some work: code 1 if the results differ, or what stopped it."""
    with signals.stoppable():
        try:
            sys.exit(0 if work() else 1)
        except UserError as error:
            sys.exit(f"zowarmup: {error}")
        except Stopped as stop:
            print(f"{stop}: everything is stopped", file=sys.stderr)
            sys.exit(stop.status)


def main() -> None:
    """Run the demonstration; exit 1 if the results differ."""
    end_with(lambda: demo(Path(sys.argv[1]).absolute()) if len(sys.argv) > 1 else temporary())


if __name__ == "__main__":
    main()
