"""A node: its settings, data, tier and messages, and the errors that its user sees."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import texts
import torch
from flwr.app import Context, Message, RecordDict
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback
from real_clients import CLIENTS, HIGH, Simulated, serve

from zowarmup.algorithms.rounds import RecordError, RoundRecord, State
from zowarmup.common.errors import UserError
from zowarmup.data import dataset_file, federation
from zowarmup.flower import fleet, job, node_data, packing, same_bytes, server_job
from zowarmup.flower.job import Job
from zowarmup.flower.messages import Identity, Reply, Request
from zowarmup.flower.settings import NodeSettings, ServerSettings, node_settings
from zowarmup.flower.work import Work
from zowarmup.flower.work import tier as tier_of

FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def records(draw: st.DrawFn) -> RoundRecord:
    """Records as zeroth-order rounds leave them."""
    clients = sorted(draw(st.sets(st.integers(0, 1000), min_size=1, max_size=6)))
    A, S = len(clients), draw(st.integers(1, 4))
    return RoundRecord(
        round=draw(st.integers(1, 10_000)),
        clients=clients,
        weights=[1 / A] * A,
        scalars=draw(st.lists(st.lists(FLOAT32, min_size=S, max_size=S), min_size=A, max_size=A)),
        lr=draw(st.floats(1e-6, 10)),
        dropped=draw(st.one_of(st.none(), st.just([]), st.just(clients[:1]))),
    )


@given(records())
def test_a_packed_record_comes_back_exactly(record: RoundRecord) -> None:
    assert packing.unpack(packing.pack(record)) == record


@given(records(), st.data())
def test_a_cut_record_is_refused(record: RoundRecord, data: st.DataObject) -> None:
    whole = packing.pack(record)
    with pytest.raises(RecordError, match="holds no record"):
        packing.unpack(whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_scalars_of_different_numbers_are_packed() -> None:
    """As clients with more images send in methods with local steps."""
    record = RoundRecord(1, [0, 1], [0.5, 0.5], [[1.0], [2.0, 3.0]], 0.1, chosen=[[7], [8, 9]])
    assert packing.unpack(packing.pack(record)) == record


def test_messages_come_back_exactly() -> None:
    w = np.arange(5, dtype=np.float32) / 3
    sent = Request("ab", 3, "scalars", 2, [b"\0\1", b"\2"], True, {"w": w})
    back = Request.of(sent.record())
    assert (back.job, back.round, back.task, back.records) == ("ab", 3, "scalars", sent.records)
    assert back.model["w"].tobytes() == w.tobytes()
    reply = Reply(1, 3, 2, "ok", "", b"\0\0\x80\x7f", [2.5], [0.5], {})
    assert Reply.of(reply.record()) == reply
    identity = Identity(1, True, 54, [1, 8, 8], 10, "x", -1)
    assert Identity.of(identity.record()) == identity


def test_a_message_of_another_version_is_refused() -> None:
    with pytest.raises(UserError, match="install the same zowarmup on all machines"):
        Request.of(RecordDict({}))


def a_job(simulated: Simulated, folder: Path) -> Job:
    return server_job.of(ServerSettings.of(simulated.settings(folder), "test"))[0]


def settings(simulated: Simulated, folder: Path, client: int, **more: object) -> NodeSettings:
    return NodeSettings.of(simulated.node(client, folder) | more, "--node-config")


def test_a_low_resource_node_records_no_gradient(simulated: Simulated, tmp_path: Path) -> None:
    """Nothing that it computes has a tape, and it refuses to train."""
    own = settings(simulated, tmp_path, 0)
    work = Work(a_job(simulated, tmp_path), own, node_data.load(own))
    assert work.tier == "low"
    w = work.model.initial(0).requires_grad_()
    answer, _ = work.answer(State(w), 4)
    assert not answer.scalars.requires_grad
    assert torch.is_grad_enabled()  # only within the node's work, which others may share
    with pytest.raises(UserError, match="low-resource and does not backpropagate"):
        work.local_model(w, 1)


@pytest.mark.parametrize(("more", "tier"), [
    ({"tier": "high"}, "high"), ({}, "low"),
    ({"memory": 0.001}, "low"), ({"memory": 1000.0}, "high"),
])  # fmt: skip
def test_a_node_knows_its_tier(
    simulated: Simulated, tmp_path: Path, more: dict[str, object], tier: str
) -> None:
    own = settings(simulated, tmp_path, 0, **more)
    assert Work(a_job(simulated, tmp_path), own, node_data.load(own)).tier == tier


def test_a_node_with_text_knows_its_tier(simulated: Simulated, tmp_path: Path) -> None:
    """Its inputs are numbers of tokens, which an embedding looks up."""
    [own], none = texts.clients(6), np.empty(0, np.float32)
    images = node_data.dataset("text", own.x().numpy(), own.y.numpy(), none, none, 1.0)
    data, job = node_data.NodeData(images, 32, None), a_job(simulated, tmp_path)
    for memory, expected in ((1000.0, "high"), (0.001, "low")):
        with_memory = settings(simulated, tmp_path, 0, memory=memory)
        assert tier_of(job, with_memory, data, texts.model()) == expected


def test_nodes_with_files_of_their_own_give_the_same_bytes(
    simulated: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same images, but no node sees the data set or the federation."""
    monkeypatch.setattr(fleet, "POLL", 0.0)
    whole = dataset_file.load(simulated.dataset)
    dealt, nodes = federation.load(simulated.federation, whole), {}
    for i in range(CLIENTS):
        node_data.save(node_data.part(whole, dealt, i), file := tmp_path / f"own-{i}.npz")
        tier = "high" if i in HIGH else "low"
        folder = str(tmp_path / f"node-{i}")
        nodes[i] = {"partition-id": i, "folder": folder, "data": str(file), "tier": tier}
    real = serve(Loopback(nodes), simulated.settings(tmp_path))
    assert all(same_bytes.compare(real, simulated.run).values())


@pytest.mark.parametrize(("own", "message"), [
    ({"folder": "/x"}, "partition-id: Field required"),
    ({"folder": "x", "partition-id": 0}, "folder: must be an absolute path"),
    ({"folder": "/x", "partition-id": 0}, "give either dataset and federation, or data"),
    ({"folder": "/x", "partition-id": 0, "data": "/d"}, 'needs tier="high", tier="low" or memory'),
    ({"partition-id": 0}, "folder is missing; give the node a folder of its own"),
])  # fmt: skip
def test_wrong_node_settings_are_named(own: dict[str, int | str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        node_settings(own, {})


def test_a_node_with_a_folder_reads_no_path_of_the_server() -> None:
    own = {"folder": "/x", "partition-id": 0, "data": "/mine", "tier": "low"}
    read = node_settings(own, {"nodes": "/n", "dataset": "/d", "federation": "/f"})
    assert (read.data, read.dataset) == (Path("/mine"), None)


def test_a_node_runs_no_file_that_a_server_names(simulated: Simulated, tmp_path: Path) -> None:
    text = a_job(simulated, tmp_path).model_dump_json()
    evil = text.replace('"algorithm":"zo"', '"algorithm":"mine","source":"/tmp/x.py:M"')
    with pytest.raises(UserError, match="nodes run no files"):
        job.read(evil)


@pytest.mark.parametrize(("change", "message"), [
    ({"config": "flower.yaml"}, "config: must be an absolute path"),
    ({"run": "nothing"}, "has no run 'nothing'; use one of high_res_only, zowarmup"),
    ({"deadline": -1}, "deadline: Input should be greater than 0"),
])  # fmt: skip
def test_wrong_server_settings_are_named(
    simulated: Simulated, tmp_path: Path, change: dict[str, int | str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        server_job.of(ServerSettings.of(simulated.settings(tmp_path) | change, "flwr run -c"))


def test_missing_nodes_are_named(simulated: Simulated, tmp_path: Path) -> None:
    grid = Loopback({0: simulated.node(0, tmp_path), 1: simulated.node(2, tmp_path)})
    with pytest.raises(SystemExit):
        serve(grid, simulated.settings(tmp_path, enrol=0.1))


def test_a_damaged_model_of_a_node_is_replaced(simulated: Simulated, tmp_path: Path) -> None:
    nodes = {i: simulated.node(i, tmp_path) for i in range(CLIENTS)}
    serve(Loopback(nodes), simulated.settings(tmp_path))
    (tmp_path / "node-4" / "model.safetensors").write_bytes(b"damaged")
    real = serve(Loopback(nodes), simulated.settings(tmp_path))
    assert all(same_bytes.compare(real, simulated.run).values())
    kept = [(tmp_path / f"node-{i}" / "model.safetensors").read_bytes() for i in (0, 4)]
    assert kept[0] == kept[1]


def test_the_simulation_of_flower_gives_each_node_a_folder() -> None:
    run = {"nodes": "/n", "dataset": "/d", "federation": "/f", "seed": 0}
    read = node_settings({"partition-id": 3, "num-partitions": 5}, run)
    assert (read.folder, read.partition_id) == (Path("/n/3"), 3)


def test_a_client_imports_neither_the_planner_nor_the_engines_that_it_lacks() -> None:
    """Flower starts a process for each message."""
    code = "import sys, zowarmup.flower.client; print(*sys.modules)"
    names = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "zowarmup.flower.work" in names
    for unwanted in ("plan.plan", "flower.server", "engines.batched", "analysis", "forecast"):
        assert f"zowarmup.{unwanted}" not in names
    assert not {"pandas", "matplotlib", "sklearn"} & set(names)


def test_the_app_needs_nothing_but_the_package() -> None:
    """Flower would install dependencies on every machine; and its Context has what apps read."""
    import tomllib

    from zowarmup.flower.local_federation import APP

    app = tomllib.loads((APP / "pyproject.toml").read_text())
    assert app["project"]["dependencies"] == []
    names = {field.replace("_", "-") for field in ServerSettings.model_fields}
    assert names | {"nodes", "dataset", "federation"} == set(app["tool"]["flwr"]["app"]["config"])
    assert {"node_config", "run_config"} <= vars(Context(0, 0, {}, RecordDict(), {})).keys()
    assert Message
