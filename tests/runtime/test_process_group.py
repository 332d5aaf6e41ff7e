"""One run over several processes: the same bits for any number, and all of them end together."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import kills
import pytest
import ranks_jobs
import torch
import workbench

from zowarmup.common.errors import UserError
from zowarmup.jobs import train, warmup
from zowarmup.plan import plan
from zowarmup.runtime import launch, process_group
from zowarmup.runtime.process_group import OF_LAUNCHER, ProcessGroup, joined
from zowarmup.training.resume_state import ResumeState

pytestmark = pytest.mark.usefixtures("one_thread")
TESTS = Path(ranks_jobs.__file__).parent


# --- the same bits --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    kills.images(folder)
    return {"data": folder / "dataset.npz", "federation": folder / "federation.json"}


@pytest.fixture(scope="module")
def alone(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    launch.run(1, ranks_jobs.federations, folder, **inputs)
    return json.loads((folder / "0.json").read_text())


@pytest.mark.bits
@pytest.mark.parametrize("processes", [2, pytest.param(4, marks=pytest.mark.long)])
def test_every_process_has_the_bits_of_one_alone(alone, inputs, tmp_path, processes):
    """Models of all rounds, records and measurements, whatever the cohort's size."""
    launch.run(processes, ranks_jobs.federations, tmp_path, **inputs)
    for rank in range(processes):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        for name in ranks_jobs.CASES:
            assert found[name] == alone[name], f"{name} in process {rank}"
    assert len(list(tmp_path.iterdir())) == processes


LAUNCHER = """
import sys
import ranks_jobs
from zowarmup.runtime import launch
launch.run(2, ranks_jobs.federations, sys.argv[1], data=sys.argv[2], federation=sys.argv[3])
"""


@pytest.mark.bits
@pytest.mark.long
def test_two_launchers_that_meet_at_an_address_have_the_bits_of_one_process(
    alone, inputs, tmp_path
):
    """As on two nodes of a cluster, each of which starts one of the two processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = "{}:{}".format(*free.getsockname())
    own = {launch.NODES: "2", launch.RENDEZVOUS: meeting, "GLOO_SOCKET_IFNAME": "lo"}
    env = workbench.environment(TESTS, **own)
    command = [sys.executable, "-c", LAUNCHER, tmp_path, *inputs.values()]
    launchers = [subprocess.Popen(command, env=env) for _ in range(2)]
    assert [launcher.wait(timeout=240) for launcher in launchers] == [0, 0]
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == alone


@pytest.mark.parametrize(
    ("nodes", "address", "said"),
    [
        ("two", "", "ZOWARMUP_NODES is 'two', but the 4 processes must divide equally"),
        ("0", "", "ZOWARMUP_NODES is '0'"),
        ("3", "a:1", "ZOWARMUP_NODES is '3', but the 4 processes must divide equally"),
        ("2", "", "ZOWARMUP_RENDEZVOUS is '', .* set it to HOST:PORT"),
        ("2", "node01", "ZOWARMUP_RENDEZVOUS is 'node01'"),
        ("2", "node01:99999", "ZOWARMUP_RENDEZVOUS is 'node01:99999'"),
    ],
)
def test_nodes_that_cannot_meet_are_refused_at_once(nodes, address, said, monkeypatch):
    monkeypatch.setenv(launch.NODES, nodes)
    monkeypatch.setenv(launch.RENDEZVOUS, address)
    with pytest.raises(UserError, match=said):
        launch.run(4, ranks_jobs.meet)


def test_the_items_are_dealt_in_turn():
    assert [list(ProcessGroup(rank, 3).mine(7)) for rank in range(3)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert list(ProcessGroup(3, 4).mine(2)) == []


# --- files ----------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for a kill."""


def jobs(folder, inputs, ranks_warm=1, ranks_run=1):
    """A warm-up of 6 rounds, then 8 of them by zeroth order."""
    first = ranks_jobs.phase_of("fedavg", 6, lr=0.1, epochs=1, batch=8)
    second = ranks_jobs.phase_of("zo", 8, lr=0.03)
    spec = ranks_jobs.spec_of("batched", "mlp", first, second, warmup="warm")
    common = {key: value for key, value in spec.items() if key not in ("phases", "warmup")}
    launch.run(
        ranks_warm,
        warmup.warm_up,
        common | {"phase": first},
        3,
        "code",
        **inputs,
        selections=[],
        snapshots=folder / "warm/snapshots",
        metrics=folder / "warm/metrics.csv",
        run_record=folder / "warm/run.json",
    )
    launch.run(
        ranks_run,
        train.train_run,
        spec,
        3,
        "code",
        **inputs,
        selections=[],
        warmup=folder / "warm/snapshots",
        warmup_metrics=folder / "warm/metrics.csv",
        metrics=folder / "run/metrics.csv",
        run_record=folder / "run/run.json",
        final=folder / "run/final.safetensors",
    )


@pytest.mark.bits
def test_a_job_goes_on_with_another_number_of_processes(inputs, tmp_path, monkeypatch, caplog):
    """One process is killed in the warm-up; two finish it, and replay half a run of one."""
    jobs(tmp_path / "whole", inputs)
    save = ResumeState.save

    def save_and_die(self):
        t = self.latest[0].t
        save(self)
        if t == 2:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ResumeState, "save", save_and_die)
        with pytest.raises(Killed):
            jobs(tmp_path / "cut", inputs)
    assert (tmp_path / "cut/warm/state/state.json").exists()
    (tmp_path / "cut/run").mkdir()
    journal = (tmp_path / "whole/run/journal.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "cut/run/journal.jsonl").write_bytes(b"".join(journal[:5]))
    with caplog.at_level(logging.INFO, "zowarmup"):
        jobs(tmp_path / "cut", inputs, 2, 2)
    assert caplog.messages.count("resuming after round 2") == 1
    assert caplog.messages.count("replaying 4 rounds from the journal") == 1
    assert workbench.contents(tmp_path / "cut") == workbench.contents(tmp_path / "whole")


def test_another_number_of_processes_is_no_other_run(tmp_path):
    """Except where an engine's last bits may depend on who is computed side by side."""
    text = (workbench.PROJECT / "tests/tiny.yaml").read_text()

    def runs(engine):
        (tmp_path / "config.yaml").write_text(text.replace("{name: batched}", engine))
        made = plan.plan([str(tmp_path / "config.yaml")])
        return made.runs | made.warmups | made.selections

    for engine in ("name: batched, threads: 2", "name: plain, device: cuda", "name: vmap"):
        assert runs(f"{{{engine}}}") == runs(f"{{{engine}, processes: 2}}")
    for engine in ("name: vmap, threads: 2", "name: vmap, device: cuda"):
        two = runs(f"{{{engine}, processes: 2}}")
        assert all(spec.engine.processes == 2 for spec in two.values())


# --- the network ----------------------------------------------------------------------------


@pytest.mark.long
def test_what_a_cluster_says_of_its_network_has_no_meaning_on_one_machine(monkeypatch):
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME", "TP_SOCKET_IFNAME"):
        monkeypatch.setenv(name, "ib0-of-nobody")
    monkeypatch.setenv("GLOO_DEVICE_TRANSPORT", "IBVERBS")
    for name, value in {"MASTER_ADDR": "nowhere", "WORLD_SIZE": "64", "RANK": "x"}.items():
        monkeypatch.setenv(name, value)
    launch.run(2, ranks_jobs.meet)


def test_a_group_that_cannot_be_made_says_why(tmp_path, monkeypatch):
    for name in OF_LAUNCHER:
        monkeypatch.setenv(name, str(int("SIZE" in name)))
    monkeypatch.setattr(process_group, "_stay_inside", lambda: None)
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "ib0-of-nobody")
    said = r"^engine\.processes: 1: the processes cannot reach .*find address for: ib0-of-nobody"
    with pytest.raises(UserError, match=said), joined(f"file://{tmp_path}/meeting"):
        pass


# --- the end --------------------------------------------------------------------------------


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


def pids(folder):
    return [int(path.read_text()) for path in Path(folder).glob("*.pid")]


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ("user error", UserError, "^engine: the gears grind; oil them$"),
        ("error", RuntimeError, "(?s)process 2 of 2.*in bug.*ZeroDivisionError: of two numbers"),
        pytest.param(
            *("long", RuntimeError),
            "(?s)^process 2 of 2: RuntimeError: the cause\n.*C\\+\\+\nthe end$",
            marks=pytest.mark.long,
        ),
        ("kill", UserError, "process 2 of 2 was killed by SIGKILL"),
    ],
)
def test_the_failure_of_one_ends_all(how, error, said, tmp_path, caplog):
    """At once and with what really happened; the others say only that they lost somebody."""
    with caplog.at_level(logging.INFO, "zowarmup"), pytest.raises(error, match=said):
        launch.run(2, ranks_jobs.fail, how, tmp_path)
    assert time.time() - float((tmp_path / "failed").read_text()) < 5
    assert len(pids(tmp_path)) == 2
    assert all(map(gone, pids(tmp_path)))
    assert [r.message for r in caplog.records if r.name == "zowarmup"] == ["the work begins"]


# Where these tests are started in the background of a shell, an interrupt would be ignored.
ENDLESS = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import ranks_jobs
from zowarmup.runtime import launch
launch.run(2, ranks_jobs.fail, "sleep", sys.argv[1])
"""


@pytest.mark.parametrize("name", [pytest.param("SIGINT", marks=pytest.mark.long), "SIGKILL"])
def test_the_others_end_with_the_one_that_started_them(name, tmp_path):
    env = workbench.environment(TESTS)
    with subprocess.Popen([sys.executable, "-c", ENDLESS, tmp_path], env=env) as ours:
        try:
            workbench.until(lambda: (tmp_path / "failed").exists(), 60)
            ours.send_signal(signal.Signals[name])
            workbench.until(lambda: all(map(gone, pids(tmp_path))), 10)
            assert ours.wait(timeout=60) != 0  # torch takes its time to leave a busy machine
        finally:
            ours.kill()  # else a failure would wait for it
    assert len(pids(tmp_path)) == 2


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_each_process_has_a_gpu_of_its_own(inputs, tmp_path):
    for processes in (1, 2):
        (tmp_path / str(processes)).mkdir()
        launch.run(
            processes, ranks_jobs.federations, tmp_path / str(processes), **inputs, device="cuda"
        )
    one, *two = (json.loads(path.read_text()) for path in sorted(tmp_path.rglob("*.json")))
    exact = [name for name, case in ranks_jobs.CASES.items() if case[0] == "plain"]
    assert [{name: found[name] for name in exact} for found in two] == [
        {name: one[name] for name in exact}
    ] * 2
