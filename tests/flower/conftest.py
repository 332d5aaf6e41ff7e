"""Fixtures of the tests of real clients, which run in the environment of `make test-flower`."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from real_clients import Simulated

# Only .venv-flower has Flower, and there all tests run.
collect_ignore_glob = [] if importlib.util.find_spec("flwr") else ["test_*.py"]


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> "Simulated":
    """The workflow's results, made once; not to be changed."""
    import real_clients

    folder: Path = tmp_path_factory.mktemp("simulated")
    return real_clients.simulate(folder)
