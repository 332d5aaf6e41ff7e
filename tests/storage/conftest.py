"""A finished study of one seed, and a copy of it that a test may damage."""

import shutil
from pathlib import Path

import pytest
from commands import TINY, zowarmup
from workbench import Share


def make(results: Path) -> None:
    """The study in a folder `results`."""
    assert zowarmup("run", TINY, "--seed", "0", "--results", results).code == 0
    (results / "tiny" / "selected-metrics.csv").unlink()


@pytest.fixture(scope="session")
def made(share: Share) -> Path:
    """A finished study of one seed; not to be changed."""
    return share("one-seed", make) / "tiny"


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "results" / "tiny"))
