"""Commands on a small study, as a user gives them, and how they end."""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import workbench
from hypothesis import HealthCheck, settings

from zowarmup.__main__ import main

UNLIKE = ("lock", "progress.json")  # in which a job says that it is there
TINY = workbench.PROJECT / "tests" / "tiny.yaml"
RUN, WARMUP = "runs/zowarmup/0", "warmups/fedavg-high/0"
SNAPSHOT = f"{WARMUP}/snapshots/round-000020.safetensors"
FINAL, JOURNAL = f"{RUN}/final.safetensors", f"{RUN}/journal.jsonl"
RECORD, ROWS = f"{RUN}/run.json", f"{RUN}/metrics.csv"
DATA, SUMMARY = "datasets/digits/dataset.npz", "datasets/digits/dataset.json"
DEALT = "federations/default/0/federation.json"
RATE = "selections/zowarmup/selection.json"
NAN, HUGE, DEEP = float("nan"), 10**400, b"[" * 100_000


@dataclass(frozen=True)
class Said:
    """How a command ended: exit code, what it printed, its last line on the terminal."""

    code: int
    out: str
    last: str


def zowarmup(*words: str | Path) -> Said:
    """A command as a user gives it. An exception that escapes fails the test: a bare traceback."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    assert "Traceback" not in err.getvalue()
    return Said(code, out.getvalue(), (err.getvalue().strip().splitlines() or [""])[-1])


def refused(said: Said, *parts: str) -> None:
    """It is one sentence that has these parts."""
    assert said.code == 2, said
    assert said.last.startswith("zowarmup: ")
    assert len(said.last) < 1500
    for part in parts:
        assert part in said.last, said.last


def run(study: Path) -> Said:
    return zowarmup("run", TINY, "--run", "zowarmup", "--seed", "0", "--results", study.parent)


def again(study: Path) -> Said:
    """The run from its pivot, with nothing left of it."""
    for file in (RECORD, ROWS, FINAL, JOURNAL):
        (study / file).unlink(missing_ok=True)
    return run(study)


def resumed(study: Path) -> Said:
    """The run from its journal."""
    (study / RECORD).unlink()
    return run(study)


def look(study: Path) -> Said:
    return zowarmup("inspect", study / RUN)


def replay(study: Path) -> Said:
    return zowarmup("replay", study / RUN, "--round", "60")


def evaluate(study: Path) -> Said:
    return zowarmup("evaluate", study / RUN)


def compare(study: Path) -> Said:
    return zowarmup("compare", study / RUN, study / FINAL)


def verify(study: Path) -> Said:
    return zowarmup("verify", study)


def status(study: Path) -> Said:
    return zowarmup("status", study, "--once")


def look_at_federation(study: Path) -> Said:
    return zowarmup("inspect", study / DEALT)


def clean(study: Path) -> Said:
    return zowarmup("clean", TINY, "--results", study.parent)


Use = Callable[[Path], Said]


repeatable = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
