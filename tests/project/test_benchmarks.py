"""Every benchmark runs, at its smallest size; no time is looked at."""

import json
import math
from pathlib import Path

import pytest

from benchmarks import bench, workflow
from benchmarks.timing import Row

pytestmark = pytest.mark.usefixtures("one_thread")


PROCESSES = ("memory", "processes", "workflow")  # start many, so that they take a while


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.long] * (n in PROCESSES)) for n in bench.BENCHMARKS],
)
def test_it_runs_and_its_rows_can_be_printed_and_kept(name: str) -> None:
    rows = bench.BENCHMARKS[name](True)
    assert rows
    for row in rows:
        assert math.isfinite(row.value)
        assert row.name in str(row)
        assert json.loads(json.dumps(row.facts()))["value"] == row.value


def test_a_goal_is_met_or_missed() -> None:
    row = Row("W", "a ratio", 0.2, (0.1, 0.3), 9, goal=0.25)
    assert "0.2 [0.1, 0.3]  n 9" in str(row)
    assert str(row).endswith("goal 0.25 met")
    assert str(Row("W", "a ratio", 0.3, (0.1, 0.3), 9, goal=0.25)).endswith("missed")


def test_seconds_of_jobs_that_train(tmp_path: Path) -> None:
    """Of two jobs that train, and not of a table."""
    for job, s in (("train/run/0", 4.0), ("warmup/w/0", 3.5), ("table/main", 9.0)):
        file = tmp_path / f"{job}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\th:m:s\n{s}\t0:00:04\n")
    assert workflow.seconds(tmp_path) == [3.5, 4.0]
