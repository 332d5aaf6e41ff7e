"""The server: who takes part, what a warm-up shares with other runs, and where a run ends."""

import json
from pathlib import Path

import pytest
import real_clients
import yaml
from flwr.app import RecordDict
from loopback import Loopback
from real_clients import Simulated, serve

from zowarmup.flower import same_bytes, simulation
from zowarmup.flower.messages import REQUEST, Request
from zowarmup.runtime import progress
from zowarmup.storage import checkpoint
from zowarmup.without_snakemake import Maker

SAME = dict.fromkeys(same_bytes.FILES, True)


def requests(grid: Loopback) -> list[tuple[int, Request]]:
    """All requests so far, with the node that each went to."""
    contents = [(node, message.content) for node, message in grid.sent]
    return [(node, Request.of(c)) for node, c in contents if REQUEST in c.config_records]


def equal_to_its_simulation(real: Path, simulated: Simulated, folder: Path) -> bool:
    """Whether the simulation without the missing clients gives the same bytes."""
    simulation.simulate(real, simulated.dataset, simulated.federation, folder)
    return all(same_bytes.compare(real, folder).values())


def test_nodes_beyond_the_number_of_clients_take_no_part(
    grid: Loopback,
    simulated: Simulated,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor do they need to follow without a gap: client 3 is missing."""
    monkeypatch.setattr(progress.log, "handlers", [caplog.handler])
    del grid.nodes[1003]
    real = serve(grid, simulated.settings(tmp_path, clients=3))
    assert len(json.loads((real / "nodes.json").read_text())["images"]) == 3
    assert {node for node, _ in requests(grid)} == {1000, 1001, 1002}
    assert "client 4 takes no part: the run has the clients 0 to 2" in caplog.text


def test_runs_share_a_warm_up(grid: Loopback, simulated: Simulated, tmp_path: Path) -> None:
    """With whatever the nodes missed in it: client 2 misses round 2."""

    def lost(node: int, content: RecordDict) -> bool:
        if node != 1002 or REQUEST not in content.config_records:
            return False
        return (request := Request.of(content)).task == "train" and request.round == 2

    grid.lost = lost
    first = serve(grid, simulated.settings(tmp_path, deadline=0.5))
    before = len(requests(grid))
    second = serve(grid, simulated.settings(tmp_path, run="local_steps", deadline=0.5))
    assert "train" not in {request.task for _, request in requests(grid)[before:]}
    assert json.loads((second / "missing.json").read_text()) == {"2": [2]}
    assert equal_to_its_simulation(second, simulated, tmp_path / "second")
    assert equal_to_its_simulation(first, simulated, tmp_path / "first")


@pytest.mark.parametrize(
    ("method", "algorithm", "last"),
    [("zowarmup", "zo", 4), ("zowarmup", "fedavg", 4), ("scratch", "zo", 1)],
)
def test_a_run_that_diverges_ends_where_the_workflows_ends(
    grid: Loopback, simulated: Simulated, tmp_path: Path, method: str, algorithm: str, last: int
) -> None:
    """In phase 2; in the warm-up, whose model phase 2 takes; in a run without a warm-up."""
    values = yaml.safe_load(real_clients.CONFIG.read_text()) | {"evaluate_every": 1}
    values["algorithms"][algorithm]["lr"] = 1e6
    values["methods"] = {method: values["methods"][method]}
    values["studies"]["main"]["methods"] = [method]
    config = tmp_path / "diverging.yaml"
    config.write_text(yaml.safe_dump(values))
    Maker(config, tmp_path / "workflow").metrics(None, None)
    own = simulated.settings(tmp_path, run=method, config=str(config))
    for _ in range(2):  # again, what is finished is read
        real = serve(grid, own)
        assert same_bytes.compare(real, Simulated(tmp_path / "workflow").of(method)) == SAME
        assert checkpoint.load(real / "final.safetensors").about.round == last
        before, grid.sent = len(requests(grid)), []
    assert before == 0
    assert equal_to_its_simulation(real, simulated, tmp_path / "again")
