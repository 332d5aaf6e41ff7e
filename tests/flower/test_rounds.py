"""Rounds of real clients: the bytes of the simulation, also if nodes are late, lost or new."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from flwr.app import RecordDict
from loopback import Loopback
from real_clients import CLIENTS, END, HIGH, OTHERS, PIVOT, WARM, Simulated, serve

from zowarmup.flower import fleet, same_bytes, server_job, simulation
from zowarmup.flower.messages import REQUEST, Request
from zowarmup.flower.settings import ServerSettings
from zowarmup.inspection import evaluate, models
from zowarmup.storage import checkpoint

MODEL_BYTES = 9640  # of the network in tests/flower.yaml


def requests(grid: Loopback) -> list[tuple[int, Request]]:
    """All requests so far, with the client that each went to."""
    contents = [(node - 1000, message.content) for node, message in grid.sent]
    return [(client, Request.of(c)) for client, c in contents if REQUEST in c.config_records]


def asked(content: RecordDict) -> tuple[str, int]:
    """Task and round of a request; round 0 for a hello."""
    if REQUEST not in content.config_records:
        return "hello", 0
    request = Request.of(content)
    return request.task, request.round


def equal_to_its_simulation(real: Path, simulated: Simulated, folder: Path) -> bool:
    """Whether the simulation without the missing clients gives the same bytes."""
    simulation.simulate(real, simulated.dataset, simulated.federation, folder / "again")
    return all(same_bytes.compare(real, folder / "again").values())


def test_all_nodes_in_time_give_the_bytes_of_the_workflow(
    grid: Loopback, simulated: Simulated, tmp_path: Path
) -> None:
    real = serve(grid, simulated.settings(tmp_path))
    assert all(same_bytes.compare(real, simulated.run).values())
    assert same_bytes.rounds(real) == END - PIVOT
    assert equal_to_its_simulation(real, simulated, tmp_path)


@pytest.mark.parametrize("method", OTHERS)
def test_other_methods_give_the_bytes_of_the_workflow(
    grid: Loopback, simulated: Simulated, tmp_path: Path, method: str
) -> None:
    real = serve(grid, simulated.settings(tmp_path, run=method))
    assert all(same_bytes.compare(real, simulated.of(method)).values())


@pytest.mark.parametrize("method", WARM)
def test_other_methods_leave_a_lost_node_out(
    grid: Loopback, simulated: Simulated, tmp_path: Path, method: str
) -> None:
    """Client 0 misses the round after the pivot, and catches up with the next one."""
    grid.lost = lambda node, content: (node, asked(content)) == (1000, ("scalars", PIVOT + 1))
    real = serve(grid, simulated.settings(tmp_path, run=method, deadline=0.5))
    records = {record.round: record for record in models.replay.track(real).records()}
    assert records[PIVOT + 1].weights == [0, 0.25, 0.25, 0.25, 0.25]
    assert records[PIVOT + 2].weights == [0.2] * CLIENTS
    assert equal_to_its_simulation(real, simulated, tmp_path)
    assert not same_bytes.compare(real, simulated.of(method))["final.safetensors"]
    assert models.replayed(real).w.equal(models.latest(real).w)


@pytest.mark.parametrize("method", WARM)
def test_other_methods_bring_a_node_without_a_model_up_to_date(
    grid: Loopback, simulated: Simulated, tmp_path: Path, method: str
) -> None:
    """It gets what its next step needs: the model, and moments or accumulators beside it."""

    def forget(node: int, content: RecordDict) -> bool:
        if node == 1001 and asked(content) == ("scalars", END - 1):
            shutil.rmtree(tmp_path / "node-1", ignore_errors=True)
            grid.lost = lambda node, content: False
        return False

    grid.lost = forget
    real = serve(grid, simulated.settings(tmp_path, run=method))
    assert all(same_bytes.compare(real, simulated.of(method)).values())
    got = [bool(request.model) for client, request in requests(grid) if client == 1]
    assert got[-3:] == [True, False, False]  # of the rounds END - 1 and END, and of the last record
    kept = checkpoint.load(tmp_path / "node-1" / "model.safetensors")
    final = checkpoint.load(real / "final.safetensors")
    assert all(kept.named[name].equal(final.named[name]) for name in final.named)


def test_fedkseed_sends_the_model_where_it_is_shorter(
    grid: Loopback, simulated: Simulated, tmp_path: Path
) -> None:
    """With small batches a round's record is longer than both models and the accumulators."""
    config, settings = tmp_path / "long.yaml", simulated.settings(tmp_path, run="fedkseed_pro")
    text = Path(str(settings["config"])).read_text()
    config.write_text(text.replace("batch: 16, K: 256", "batch: 1, epochs: 30, K: 256"))
    real = serve(grid, settings | {"config": str(config)})
    sent = [request for client, request in requests(grid) if client == 0 and request.round > PIVOT]
    assert [bool(request.model) for request in sent] == [True] * len(sent)
    assert equal_to_its_simulation(real, simulated, tmp_path)


def test_the_workflows_tools_read_the_servers_folder(
    grid: Loopback, simulated: Simulated, tmp_path: Path
) -> None:
    real = serve(grid, simulated.settings(tmp_path))
    final = checkpoint.load(real / "final.safetensors")
    assert models.replayed(real).w.equal(models.latest(real).w)
    assert models.at(real, PIVOT).round == PIVOT
    measured = evaluate.evaluate(real, simulated.dataset)
    assert measured["metrics_csv"] == "the same"
    for client in range(CLIENTS):  # all nodes hold the final model
        kept = checkpoint.load(tmp_path / f"node-{client}" / "model.safetensors")
        assert kept.about == final.about
        assert all(kept.named[name].equal(final.named[name]) for name in final.named)


def test_who_gets_what(grid: Loopback, simulated: Simulated, tmp_path: Path) -> None:
    """Phase 1: models to and from high-resource nodes. Pivot: a model to all. Then one record."""
    serve(grid, simulated.settings(tmp_path))
    sent = requests(grid)
    trained = [(client, request.round) for client, request in sent if request.task == "train"]
    assert trained == [(client, t) for t in range(1, PIVOT + 1) for client in HIGH]
    for _, request in sent:
        size = sum(array.nbytes for array in request.model.values())
        assert size == (MODEL_BYTES if request.round <= PIVOT + 1 else 0)
        assert len(request.records) == (request.round > PIVOT + 1) or request.task == "sync"
    assert sum(request.task == "scalars" for _, request in sent) == CLIENTS * (END - PIVOT)


def test_a_lost_node_is_left_out(grid: Loopback, simulated: Simulated, tmp_path: Path) -> None:
    """Client 2 misses round 2 of the warm-up, client 0 round 5; the weights are renormalised."""
    lost = {(1002, ("train", 2)), (1000, ("scalars", 5))}
    grid.lost = lambda node, content: (node, asked(content)) in lost
    real = serve(grid, simulated.settings(tmp_path, deadline=0.5))
    assert json.loads((real / "missing.json").read_text()) == {"2": [2], "5": [0]}
    records = {record.round: record for record in models.replay.track(real).records()}
    assert records[5].dropped == [0]
    assert records[5].weights == [0, 0.25, 0.25, 0.25, 0.25]
    assert records[6].dropped == []
    assert equal_to_its_simulation(real, simulated, tmp_path)
    assert not same_bytes.compare(real, simulated.run)["final.safetensors"]


@pytest.mark.parametrize(("limit", "by_records"), [(45, True), (44, False)])
def test_a_node_that_was_away_catches_up(
    grid: Loopback, simulated: Simulated, tmp_path: Path, limit: int, by_records: bool
) -> None:
    """Client 0 has the pivot's model and misses the rest: three records, 45 scalars."""
    config = tmp_path / "limited.yaml"
    settings = simulated.settings(tmp_path, deadline=0.5)
    text = Path(str(settings["config"])).read_text()
    config.write_text(text.replace("zo: {lr: 0.03}", f"zo: {{lr: 0.03, catch_up_limit: {limit}}}"))
    lost = {("scalars", 5), ("scalars", 6)}
    grid.lost = lambda node, content: node == 1000 and asked(content) in lost
    serve(grid, settings | {"config": str(config)})
    last = [request for client, request in requests(grid) if client == 0][-1]
    assert last.task == "sync"
    assert bool(last.model) is not by_records
    assert len(last.records) == (END - PIVOT if by_records else 0)


def test_a_node_is_asked_as_soon_as_it_has_said_who_it_is(
    grid: Loopback, simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a node that failed is left in peace for a while, here for ever."""
    monkeypatch.setattr(fleet, "AGAIN", 1e9)
    job, _ = server_job.of(ServerSettings.of(simulated.settings(tmp_path), "test"))
    nodes = fleet.Fleet(grid, fleet.hello(job.model_dump_json()), deadline=60)
    model = {"w": np.zeros(MODEL_BYTES // 4, np.float32)}
    request = Request(job.fingerprint, 1, "train", 0, [], False, model)
    assert set(nodes.ask(HIGH, lambda client: request, patient=True)) == set(HIGH)


class Killed(BaseException):
    """Ends a server at once, as SIGKILL would."""


@pytest.mark.parametrize(("method", "at"), [
    *(("zowarmup", at) for at in (("train", 2), ("scalars", 4), ("scalars", 6), ("sync", END))),
    ("fedkseed_pro", ("scalars", 5)), ("adaptive", ("scalars", 5)),
])  # fmt: skip
def test_a_server_resumes_from_its_files(
    grid: Loopback, simulated: Simulated, tmp_path: Path, method: str, at: tuple[str, int]
) -> None:
    def kill(node: int, content: RecordDict) -> bool:
        if asked(content) == at:
            raise Killed
        return False

    grid.lost = kill
    with pytest.raises(Killed):
        serve(grid, simulated.settings(tmp_path, run=method))
    grid.lost = lambda node, content: False
    before = len(grid.sent)
    real = serve(grid, simulated.settings(tmp_path, run=method))
    assert all(same_bytes.compare(real, simulated.of(method)).values())
    again = [asked(message.content) for _, message in grid.sent[before:]]
    assert min(t for task, t in again if task != "hello") >= at[1] - 1


def test_a_node_that_lost_its_folder_gets_the_model(
    grid: Loopback, simulated: Simulated, tmp_path: Path
) -> None:
    def forget(node: int, content: RecordDict) -> bool:
        if node == 1001 and asked(content) == ("scalars", 6):
            shutil.rmtree(tmp_path / "node-1", ignore_errors=True)
            grid.lost = lambda node, content: False
        return False

    grid.lost = forget
    real = serve(grid, simulated.settings(tmp_path))
    assert all(same_bytes.compare(real, simulated.run).values())


def test_a_node_may_come_back_under_another_id(
    grid: Loopback, simulated: Simulated, tmp_path: Path
) -> None:
    """Flower gives an unregistered node that starts again a new id."""

    def restart(node: int, content: RecordDict) -> bool:
        if node == 1001 and asked(content) == ("scalars", 5):
            grid.nodes[2001] = grid.nodes.pop(1001)
            return True
        return False

    grid.lost = restart
    real = serve(grid, simulated.settings(tmp_path))
    assert all(same_bytes.compare(real, simulated.run).values())
    assert 2001 in {node for node, _ in grid.sent}
