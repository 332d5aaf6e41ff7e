"""The server: who takes part, what a warm-up shares with other runs, and where a run ends."""

import json
from pathlib import Path

import pytest
from loopback import Loopback
from real_clients import Simulated, serve

from zowarmup.flower.messages import REQUEST
from zowarmup.runtime import progress


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
    asked = [node for node, message in grid.sent if REQUEST in message.content.config_records]
    assert {*asked} == {1000, 1001, 1002}
    assert "client 4 takes no part: the run has the clients 0 to 2" in caplog.text
