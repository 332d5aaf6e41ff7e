"""Kill processes of real clients at random moments, and compare the results with a simulation.

    .venv-flower/bin/python tools/flower_faults.py FOLDER [--runs 20] [--kinds ...]

In each run of three clients, processes are killed one after the other by SIGKILL: a client's
process, a SuperNode, the server's program, the SuperLink. What an operator would do follows at
once: the SuperNode or the SuperLink is started again, and after the loss of the server's program
`flwr run` is typed again. At the end, a simulation that is handed the cohorts of the journal must
give the same final checkpoint and the same journal.

Each finished kill is a row of FOLDER/faults.csv. Runs whose rows are there are not repeated, so a
campaign that was interrupted goes on where it stopped; several may share a folder, each with its
own runs. The moments of a run depend on its number alone. A folder of a run that went wrong stays.
"""

import argparse
import csv
import io
import os
import re
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
from demonstration import CLIENTS, Demonstration

from zowarmup.common import signals
from zowarmup.common.errors import UserError
from zowarmup.common.seeds import key
from zowarmup.common.signals import Stopped
from zowarmup.flower.local_federation import LocalFederation

KINDS = ("client", "node", "server", "link")
SPREAD = 12.0  # seconds after a finished round within which a kill falls: about a round
DEADLINES = (600.0, 40.0)  # of even and odd runs: rounds wait for a lost client, or end without it
PATIENCE = 900.0  # seconds without a finished round after which a run counts as stuck
FINISHED = "finished after round"


@dataclass(frozen=True)
class Kill:
    """A row of faults.csv.

    Attributes:
        rounds: number of rounds that had finished before.
        recovery: seconds until the next round had finished.
        same: whether the run ended with the same bytes as its simulation.
    """

    run: int
    kind: str
    deadline: float
    rounds: int
    recovery: float
    same: bool = False


@dataclass
class Victim:
    """A run whose processes are killed."""

    number: int
    demo: Demonstration
    federation: LocalFederation
    deadline: float
    kills: list[Kill] = field(default_factory=list)

    def start_server(self) -> None:
        """Type `flwr run`."""
        settings = self.demo.settings(deadline=self.deadline)
        self.federation.run(settings, f"run-{len(self._logs())}")

    def _logs(self) -> list[str]:
        return [log.read_text() for log in (self.demo.folder / "logs").glob("run-*.log")]

    @property
    def rounds(self) -> int:
        """The number of finished rounds; one more when the run has finished."""
        text = "".join(self._logs())
        return len(re.findall(r" round \d+/\d+ ", text)) + text.count(FINISHED)

    @property
    def finished(self) -> bool:
        """Whether the server has written its results."""
        return FINISHED in "".join(self._logs())

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait.

        Raises:
            UserError: in vain.
        """
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise UserError(f"{self.federation.folder}: stuck; see its logs")
            time.sleep(0.1)

    def kill(self, kind: str, rng: np.random.Generator) -> None:
        """Kill a process of a kind at a random moment; wait for the next round."""
        wait, chosen = rng.uniform(0, SPREAD), int(rng.integers(CLIENTS))
        end = time.monotonic() + wait
        self.until(lambda: time.monotonic() > end or self.finished)
        name, config = f"node-{chosen}", self.demo.node(chosen)
        killing = {
            "client": lambda: self._children("flwr-clientapp", rng),
            "node": lambda: self._parent(name, lambda: self.federation.start_node(name, config)),
            "server": lambda: self._children("flwr-serverapp", rng),
            "link": lambda: self._parent("superlink", self.federation.start_link),
        }
        began, before = killing[kind](), self.rounds
        if kind in ("server", "link"):
            self.start_server()
        try:
            self.until(lambda: self.rounds > before)
        finally:  # a kill after which the run is stuck counts
            recovery = round(time.monotonic() - began, 1)
            self.kills.append(Kill(self.number, kind, self.deadline, before, recovery))

    def _children(self, word: str, rng: np.random.Generator) -> float:
        """Kill a process that Flower has started, within seconds after one is there; when."""
        while True:
            self.until(lambda: bool(self.federation.pids(word)))
            time.sleep(rng.uniform(0, 3))
            if pids := sorted(self.federation.pids(word)):
                with suppress(ProcessLookupError):
                    os.kill(pids[int(rng.integers(len(pids)))], signal.SIGKILL)
                    return time.monotonic()

    def _parent(self, name: str, restart: Callable[[], None]) -> float:
        """Kill a process that the operator has started, and start it again; when it died."""
        process, now = self.federation.processes[name], time.monotonic()
        process.kill()
        process.wait()
        restart()
        return now


def run(folder: Path, number: int, kinds: Sequence[str], rounds: int) -> list[Kill]:
    """Make one run with a kill of each kind, in random order, and `rounds` in phase 2."""
    own = folder / f"run-{number}"
    shutil.rmtree(own, ignore_errors=True)
    demo = Demonstration.of(own, {0: {"rounds": 2}, 1: {"rounds": rounds}})
    rng = np.random.default_rng(key("faults", number))
    with LocalFederation(own) as federation:
        victim = Victim(number, demo, federation, DEADLINES[number % len(DEADLINES)])
        demo.start_nodes(federation)
        victim.start_server()
        same = _killed(victim, [str(kind) for kind in rng.permutation(kinds)], rng)
    if same:
        shutil.rmtree(own)
    return [replace(kill, same=same) for kill in victim.kills]


def _killed(victim: Victim, kinds: Sequence[str], rng: np.random.Generator) -> bool:
    """Kill processes; return whether the results are the same bytes in the end."""
    try:
        for kind in kinds:
            if not victim.finished:
                victim.kill(kind, rng)
                print(victim.kills[-1], flush=True)
        victim.until(lambda: victim.finished)
    except UserError as error:
        print(error, file=sys.stderr)
        return False
    return all(victim.demo.compared_with_its_cohorts().values())


def append(file: Path, kills: Sequence[Kill]) -> None:
    """Append rows in one piece, since several campaigns may share the file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        writer.writerow(column.name for column in fields(Kill))
    writer.writerows(astuple(kill) for kill in kills)
    with file.open("a") as rows:
        rows.write(text.getvalue())


def read(file: Path) -> list[dict[str, str]]:
    """The rows so far."""
    return list(csv.DictReader(file.open())) if file.exists() else []


def summary(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """A table of the kills by kind."""
    yield "| killed | kills | same bytes | median s | max s |\n| --- | ---: | ---: | ---: | ---: |"
    for kind in KINDS:
        if own := [row for row in rows if row["kind"] == kind]:
            seconds = [float(row["recovery"]) for row in own]
            same = sum(row["same"] == "True" for row in own)
            spread = f"{statistics.median(seconds):.0f} | {max(seconds):.0f}"
            yield f"| {kind} | {len(own)} | {same} | {spread} |"


def main() -> None:
    """Run the campaign; exit 1 if a run ended with other bytes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--rounds", type=int, help="of phase 2; default: two for each kill")
    given = parser.parse_args()
    rounds = given.rounds or 2 * len(given.kinds)
    folder = given.folder.absolute()
    file = folder / "faults.csv"
    with signals.stoppable():
        for number in range(given.first, given.first + given.runs):
            if str(number) not in {row["run"] for row in read(file)}:
                append(file, run(folder, number, given.kinds, rounds))
    rows = read(file)
    print("\n".join(summary(rows)))
    sys.exit(any(row["same"] != "True" for row in rows))


if __name__ == "__main__":
    try:
        main()
    except Stopped as stop:
        sys.exit(stop.status)
