"""Fixtures of all test files: copies of the project, shared by the workers of a test run."""

import os

# Small tensors cost more in several threads than in one; torch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import workbench
from workbench import Share

from zowarmup.common.files import lock

SLOW = ("workflow", "runtime", "plan", "inspection", "analysis", "engines")  # start Snakemake, ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with the folders that take longest, so that no worker is left alone with one."""
    items.sort(key=lambda item: item.path.parent.name not in SLOW)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread, and the number of threads set back if the test changes it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def share(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Share:
    """A function that returns a folder which one worker fills for all; not to be changed.

    The variable ZOWARMUP_TESTS_SHARE names a folder that several test runs of the same code share.
    """
    base = tmp_path_factory.getbasetemp()
    if "ZOWARMUP_TESTS_SHARE" in os.environ:
        base = Path(os.environ["ZOWARMUP_TESTS_SHARE"])
    elif hasattr(request.config, "workerinput"):
        base = base.parent  # each worker has a folder of its own below that of the test run

    def shared(name: str, fill: Callable[[Path], object]) -> Path:
        folder, complete = base / name / "copy", base / name / "complete"
        with lock(base / f"{name}.lock"):
            if not complete.exists():
                fill(folder)
                complete.touch()
        return folder

    return shared


@pytest.fixture(scope="session")
def project(share: Share) -> Path:
    """A copy of the project's sources without results; not to be changed."""
    return share("project", workbench.copy_project)


@pytest.fixture(scope="session")
def finished(share: Share) -> Path:
    """A copy of the project with all results of tiny.yaml; not to be changed."""
    return share("finished", workbench.finish_tiny)


@pytest.fixture(scope="session")
def chain(share: Share) -> Path:
    """A selection, a warm-up and a run in `whole`, beside their images; not to be changed."""
    import kills

    return share("chain", kills.short_chain)
