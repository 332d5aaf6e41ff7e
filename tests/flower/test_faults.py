"""A campaign of kills, as tools/flower_faults.py makes it."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import workbench

TOOL = workbench.PROJECT / "tools" / "flower_faults.py"
KINDS = ["client", "client", "node", "server", "link"]


def campaign(folder: Path, runs: int) -> "subprocess.CompletedProcess[str]":
    """Run a campaign with five kills in each run."""
    words = [str(folder), "--runs", str(runs), "--kinds", *KINDS]
    return subprocess.run(
        [sys.executable, "-W", "ignore", str(TOOL), *words],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
def test_five_kills_in_a_run_leave_the_bytes_of_its_simulation(tmp_path: Path) -> None:
    done = campaign(tmp_path, 1)
    assert done.returncode == 0, done.stdout + done.stderr
    with (tmp_path / "faults.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["kind"] for row in rows) == sorted(KINDS)
    assert {row["same"] for row in rows} == {"True"}


def test_a_finished_campaign_kills_nothing_and_tells_its_outcome(tmp_path: Path) -> None:
    """A run of the file is not repeated; one that ended with other bytes is an error."""
    rows = ["run,kind,deadline,rounds,recovery,same", "0,node,600.0,0,71.0,True"]
    file = tmp_path / "faults.csv"
    file.write_text("\n".join([*rows, "0,link,600.0,2,88.0,True"]) + "\n")
    done = campaign(tmp_path, 1)
    assert done.returncode == 0, done.stderr
    assert "| node | 1 | 1 | 71 | 71 |\n| link | 1 | 1 | 88 | 88 |" in done.stdout
    file.write_text("\n".join([*rows, "0,link,600.0,2,900.0,False"]) + "\n")
    assert campaign(tmp_path, 1).returncode == 1
