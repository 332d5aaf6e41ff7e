"""`make flower`: a SuperLink and three SuperNodes on this machine, compared with the simulation.

    python tools/flower_demo.py [FOLDER]

Without FOLDER, all files lie in a temporary folder that is deleted at the end.
"""

import sys
import tempfile
import time
from pathlib import Path

from zowarmup.common import signals
from zowarmup.common.errors import UserError
from zowarmup.common.signals import Stopped
from zowarmup.flower import same_bytes
from zowarmup.flower.local_federation import APP, LocalFederation
from zowarmup.flower.settings import Plain
from zowarmup.plan.paths import Paths
from zowarmup.without_snakemake import Maker

CONFIG, RUN, SEED = APP / "demo.yaml", "zowarmup", 0
SHOWN = ("nodes", "round ", "test accuracy", "client ", "finished", "Error", "error")


def demo(folder: Path) -> bool:
    """Train with real clients and in the simulation; return whether the results are the same."""
    print("simulation: the same run in one process", flush=True)
    maker = Maker(CONFIG, folder / "simulation")
    maker.metrics([RUN], [SEED])
    paths = maker.paths
    real = Path(Paths(maker.plan, str(folder / "real")).run(RUN, SEED))
    print(f"real clients: a SuperLink and three SuperNodes, logs in {folder}/logs", flush=True)
    with LocalFederation(folder) as federation:
        for client in range(3):
            federation.start_node(f"node-{client}", node(folder, paths, client))
        _follow(federation, settings(folder, paths))
    return _compared(real, Path(paths.run(RUN, SEED)))


def node(folder: Path, paths: Paths, client: int) -> dict[str, Plain]:
    """The --node-config of a client."""
    return {
        "partition-id": client,
        "folder": str(folder / "nodes" / str(client)),
        "dataset": paths.dataset("digits"),
        "federation": paths.federation("default", SEED),
    }


def settings(folder: Path, paths: Paths) -> dict[str, Plain]:
    """The settings of the server."""
    return {
        "config": str(CONFIG),
        "run": RUN,
        "seed": SEED,
        "results": str(folder / "real"),
        "data": paths.dataset("digits"),
        "loss": True,
    }


def _follow(federation: LocalFederation, run: dict[str, Plain]) -> None:
    """Submit the run, and show the server's progress until it ends.

    Raises:
        UserError: the run has failed.
    """
    process, shown = federation.run(run), 0
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


def _compared(real: Path, simulated: Path) -> bool:
    same = same_bytes.compare(real, simulated)
    for name, equal in same.items():
        print(f"{name}: {'the same bytes as' if equal else 'DIFFERS from'} the simulation's")
    return all(same.values())


def main() -> None:
    """Run the demonstration; exit 1 if the results differ."""
    with signals.stoppable(), tempfile.TemporaryDirectory(prefix="zowarmup-flower-") as temporary:
        try:
            folder = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else Path(temporary)
            sys.exit(0 if demo(folder) else 1)
        except UserError as error:
            sys.exit(f"zowarmup: {error}")
        except Stopped as stop:
            print(f"{stop}: everything is stopped", file=sys.stderr)
            sys.exit(stop.status)


if __name__ == "__main__":
    main()
