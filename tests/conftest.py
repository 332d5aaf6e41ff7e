"""What test files share: a copy of the project to run Snakemake in, and one thread."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import workbench


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Operations on small tensors wait for one another where several threads share them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project's sources without results; not to be changed."""
    return workbench.copy_project(tmp_path_factory.mktemp("project") / "copy")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which everything of tiny.yaml was made; not to be changed."""
    folder = workbench.copy_project(tmp_path_factory.mktemp("finished") / "copy")
    answer = workbench.snakemake(folder, "--cores", "2", "--configfile", "tiny.yaml")
    assert answer.code == 0, answer.text
    return folder
