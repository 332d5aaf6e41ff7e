"""Real processes and sockets: a SuperLink and five SuperNodes, killed, refused and compared."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import certificates
import pytest
from real_clients import CLIENTS, END, OTHERS, Simulated, results

from zowarmup.flower import same_bytes, simulation
from zowarmup.flower.local_federation import LocalFederation

PATIENCE = 1500.0  # seconds; a loaded machine needs half a minute to start a client


def wait(process: "subprocess.Popen[bytes]", federation: LocalFederation, name: str = "run") -> str:
    """Wait for a run; return the server's log."""
    process.wait(timeout=PATIENCE)
    return federation.log(name).read_text()


def until(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    """Wait until something is so, while a run goes on."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, "the run has ended before"
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[LocalFederation]:
    """A SuperLink."""
    with LocalFederation(tmp_path / "federation") as started:
        yield started
    assert not started.pids()


def start_nodes(federation: LocalFederation, simulated: Simulated, folder: Path) -> None:
    """Start the five nodes."""
    for client in range(CLIENTS):
        federation.start_node(f"node-{client}", simulated.node(client, folder))


def test_five_nodes_give_the_bytes_of_the_workflow(
    federation: LocalFederation, simulated: Simulated, tmp_path: Path
) -> None:
    start_nodes(federation, simulated, tmp_path)
    log = wait(federation.run(simulated.settings(tmp_path, loss=True)), federation)
    assert "finished after round 6" in log, log[-3000:]
    assert all(same_bytes.compare(results(tmp_path / "real"), simulated.run).values())


@pytest.mark.long
@pytest.mark.parametrize("method", OTHERS)
def test_five_nodes_give_the_bytes_of_other_methods(
    federation: LocalFederation, simulated: Simulated, tmp_path: Path, method: str
) -> None:
    start_nodes(federation, simulated, tmp_path)
    log = wait(federation.run(simulated.settings(tmp_path, run=method)), federation)
    assert "finished after round 6" in log, log[-3000:]
    real = results(tmp_path / "real", method)
    assert all(same_bytes.compare(real, simulated.of(method)).values())


def test_flowers_simulation_gives_the_bytes_of_the_workflow(
    simulated: Simulated, tmp_path: Path
) -> None:
    """One process serves all nodes, of both kinds; each still has a folder of its own."""
    nodes = {"nodes": str(tmp_path / "nodes"), "dataset": str(simulated.dataset)}
    nodes["federation"] = str(simulated.federation)
    with LocalFederation(tmp_path / "federation", simulated=CLIENTS) as federation:
        log = wait(federation.run(simulated.settings(tmp_path, **nodes)), federation)
    assert "finished after round 6" in log, log[-3000:]
    assert all(same_bytes.compare(results(tmp_path / "real"), simulated.run).values())


@pytest.mark.long
def test_a_killed_server_resumes_from_its_journal(
    federation: LocalFederation, simulated: Simulated, tmp_path: Path
) -> None:
    """SIGKILL of SuperLink and server while nodes work; then the same database, `flwr run`."""
    start_nodes(federation, simulated, tmp_path)
    settings, real = simulated.settings(tmp_path), results(tmp_path / "real")
    first = federation.run(settings)
    until(lambda: "phase 2" in federation.log("run").read_text(), first)
    until(lambda: bool(federation.pids("flwr-clientapp")), first)
    for word in ("flwr-serverapp", "flower-superlink"):
        for pid in federation.pids(word):
            os.kill(pid, signal.SIGKILL)
    first.wait(timeout=PATIENCE)
    federation.start_link()
    log = wait(federation.run(settings, "again"), federation, "again")
    assert f"resuming with the {CLIENTS} nodes" in log
    assert "replaying" in log
    assert f"finished after round {END}" in log, log[-3000:]
    simulation.simulate(real, simulated.dataset, simulated.federation, tmp_path / "check")
    assert all(same_bytes.compare(real, tmp_path / "check").values())


def test_an_unregistered_node_is_refused(tmp_path: Path) -> None:
    """TLS with a CA of one's own, and node authentication, as docs/flower.md shows them."""
    certificates.write_server(tmp_path)
    ca, certificate, key = (
        str(tmp_path / name)
        for name in (certificates.CA, certificates.CERTIFICATE, certificates.KEY)
    )
    link = ["--ssl-ca-certfile", ca, "--ssl-certfile", certificate, "--ssl-keyfile", key]
    with LocalFederation(
        tmp_path / "federation",
        link=[*link, "--enable-supernode-auth"],
        connection=f'root-certificates = "{ca}"',
    ) as federation:
        known, public = certificates.write_node(tmp_path, "known")
        stranger, _ = certificates.write_node(tmp_path, "stranger")
        federation.flwr("supernode", "register", str(public), "local", "--name", "node-0")
        config = {"partition-id": 0, "folder": str(tmp_path / "node")}
        for name, private in (("known", known), ("stranger", stranger)):
            words = ["--root-certificates", ca, "--auth-supernode-private-key", str(private)]
            federation.start_node(name, config, words)
        refused = federation.processes["stranger"]
        assert refused.wait(timeout=PATIENCE) != 0
        assert federation.processes["known"].poll() is None
        listed = federation.flwr("supernode", "list", "local", "--format", "json")
        assert listed.count('"online"') == 1, listed
