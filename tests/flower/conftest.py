"""Fixtures of the tests of real clients, which run in the environment of `make test-flower`."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from loopback import Loopback
    from real_clients import Simulated

# Only .venv-flower has Flower, and there all tests run.
collect_ignore_glob = [] if importlib.util.find_spec("flwr") else ["test_*.py"]


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> "Simulated":
    """The workflow's results, made once; not to be changed."""
    import real_clients

    folder: Path = tmp_path_factory.mktemp("simulated")
    return real_clients.simulate(folder)


@pytest.fixture
def grid(simulated: "Simulated", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Loopback":
    """Five nodes with Flower's ids 1000 to 1004, which answer at once."""
    from loopback import Loopback
    from real_clients import CLIENTS

    from zowarmup.flower import fleet

    monkeypatch.setattr(fleet, "POLL", 0.0)
    monkeypatch.setattr(fleet, "AGAIN", 0.0)
    return Loopback({1000 + i: simulated.node(i, tmp_path) for i in range(CLIENTS)})
