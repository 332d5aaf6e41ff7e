"""Kills, signals and saved work: whatever happens on the way, the same bytes come out."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import kills
import psutil
import pytest
import torch
import workbench

from zowarmup.common import signals
from zowarmup.common.signals import SIGNALS, Stopped, stoppable
from zowarmup.runtime import progress
from zowarmup.storage import journal
from zowarmup.training import loop

TINY = ("--configfile", "tiny.yaml", "--quiet", "host", "rules")


# --- jobs -----------------------------------------------------------------------------------


def killed(folder: Path, number: int) -> dict[str, Any]:
    command = [sys.executable, kills.__file__, str(folder), str(number), "1"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=workbench.environment(workbench.PROJECT)
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.long
@pytest.mark.parametrize("number", [1, 100])
def test_kills_change_no_byte(tmp_path: Path, number: int) -> None:
    """Of a selection, a warm-up and a run whose phases keep records, states and records again.

    A chain of jobs takes about ten kills, so that one kill asked for is one chain.
    """
    outcome = killed(tmp_path / "study", number)
    expected = workbench.contents(tmp_path / "study" / "whole")
    assert {"select/selection.json", "warm/metrics.csv", "run/journal.jsonl"} <= set(expected)
    for chain in range(outcome["chains"]):
        assert workbench.contents(tmp_path / "study" / str(chain)) == expected
    assert sum(outcome["kills"].get(name, 0) for name in set(kills.SIGNALS)) >= number
    if number == 100:
        assert min(outcome["kills"][name] for name in (*kills.SIGNALS, "warm", "run")) > 5
    assert outcome["slowest"] < kills.LEAVE  # seconds until a job has saved and left


@pytest.fixture
def made(chain: Path, tmp_path: Path) -> Path:
    """A copy of what the jobs of a finished chain have made."""
    return Path(shutil.copytree(chain / "whole", tmp_path / "made"))


@pytest.fixture
def job(chain: Path, made: Path) -> Callable[[str], None]:
    """A function that runs a job of the chain again on the copy, by its name."""
    return lambda name: dict(kills.jobs(chain, made, **kills.SHORT))[name]()


def test_a_finished_warmup_that_is_run_again_is_only_put_in_place(
    job: Callable[[str], None], made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snakemake deletes the outputs of a job that it takes for incomplete, before it runs it."""
    before, warm = workbench.contents(made), made / "warm"
    shutil.rmtree(warm / "snapshots")
    for name in ("metrics.csv", "run.json"):
        (warm / name).unlink()
    monkeypatch.setattr(loop, "cohort", None)  # no round can be trained
    job("warm")
    assert workbench.contents(made) == before
    (made / "select" / "selection.json").unlink()
    job("select")
    assert workbench.contents(made) == before


def test_what_a_kill_left_between_two_files_is_taken_away(
    job: Callable[[str], None], made: Path
) -> None:
    before, state = workbench.contents(made), made / "warm/state"
    shutil.copy(state / "round-000040.safetensors", state / "round-000041.safetensors")
    (made / "select/state/trial-3-0.1").mkdir()
    (made / "select/state/trial-3-0.1/state.json").write_text("{}")
    job("warm")
    job("select")
    assert workbench.contents(made) == before


@pytest.mark.parametrize("damage", ["state.json", "snapshot", "earlier", "missing", "version"])
def test_a_damaged_state_is_said_and_started_over(
    job: Callable[[str], None], made: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    before, state = workbench.contents(made), made / "warm/state"
    models = sorted(state.glob("*.safetensors"))
    file = {"snapshot": models[-1], "earlier": models[1], "missing": models[1]}.get(
        damage, state / "state.json"
    )
    if damage == "missing":
        file.unlink()
    elif damage == "version":
        saved = json.loads(file.read_text())
        file.write_text(json.dumps(saved | {"format": "zowarmup-state-0"}))
    else:
        data = file.read_bytes()
        file.unlink()  # a second name of a snapshot, which stays as it is
        file.write_bytes(data[: len(data) // 2])
    job("warm")
    assert any(f"{state}: starting over: " in said for said in caplog.messages)
    assert workbench.contents(made) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"torch": "0.1"}, f"torch was 0.1 and is {torch.__version__}"),
        ({"device": "cuda"}, "device was cuda and is cpu"),
        ({"code": "older"}, "code was older and is code"),
        ({"inputs": {"data": "other"}}, "inputs.data was other and is"),
    ],
)
def test_work_made_otherwise_is_not_gone_on_from(
    job: Callable[[str], None],
    made: Path,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, Any],
    said: str,
) -> None:
    """And the reason is given, for a warm-up's state and a run's journal alike."""
    before = workbench.contents(made)
    file = made / "warm/state/state.json"
    state = json.loads(file.read_text())
    file.write_text(json.dumps(state | {"origin": state["origin"] | change}))
    file = made / "run/journal.jsonl"
    first, *rest = file.read_bytes().splitlines(keepends=True)
    header = json.loads(first)["record"]
    header["origin"] |= change
    file.write_bytes(b"".join([journal.line(header), *rest]))
    job("warm")
    job("run")
    assert sum(said in message for message in caplog.messages) == 2
    assert workbench.contents(made) == before


def test_how_far_a_job_is_stands_in_a_file_while_it_works(
    job: Callable[[str], None], made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, replace = [], os.replace

    def look(source: Path, target: Path) -> None:
        replace(source, target)
        if Path(target).name == progress.FILE:
            seen.append(json.loads(Path(target).read_text()))

    shutil.rmtree(made)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr(os, "replace", look)
    for name in ("select", "warm", "run"):
        job(name)
    assert {"lr 0.1, seed 3", "warm-up", "run"} <= {facts["what"] for facts in seen}
    last = seen[-1]
    assert (last["round"], last["total"], last["pid"]) == (200, 200, os.getpid())
    assert 0 <= last["test_accuracy"] <= 1
    assert not list(made.rglob(progress.FILE))


# --- signals --------------------------------------------------------------------------------


@pytest.fixture
def handlers() -> Iterator[None]:
    """Interrupts are not ignored, wherever the tests were started; afterwards all is as before."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_ends_a_job_and_later_ones_let_it_save(
    handlers: None, number: int
) -> None:
    saved, before = [], signal.getsignal(number)

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            saved.append(True)

    with pytest.raises(Stopped, match=signal.Signals(number).name) as stop, stoppable():
        work()
    assert saved
    assert stop.value.status == 128 + number
    assert signal.getsignal(number) is before
    signals.check()


def test_a_signal_that_a_destructor_swallows_ends_the_next_round(handlers: None) -> None:
    with stoppable():
        with suppress(Stopped):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        with pytest.raises(Stopped):
            signals.check()


def test_ignored_signals_stay_ignored(handlers: None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stoppable():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)


WARM_UP = """
import signal, sys
from pathlib import Path
import kills
from zowarmup.common.job_log import log_to
signal.signal(signal.SIGTERM, signal.SIG_DFL)
chain, made = map(Path, sys.argv[1:])
jobs = dict(kills.jobs(chain, made, 100_000, kills.SHORT["phases"], processes=2))
with log_to(made / "log"):
    jobs["warm"]()
"""


@pytest.mark.parametrize("everybody", [False, True])
def test_of_several_processes_one_saves_for_all(chain: Path, made: Path, everybody: bool) -> None:
    """Within seconds, the round before the signal; SLURM sends it to every process of a job."""
    shutil.rmtree(made / "warm")
    state = made / "warm/state/state.json"
    env = workbench.environment(Path(kills.__file__).parent)
    command = [sys.executable, "-c", WARM_UP, str(chain), str(made)]
    with subprocess.Popen(command, env=env) as warm:
        workbench.until(lambda: state.exists() and json.loads(state.read_text())["t"] >= 40, 60)
        workers = psutil.Process(warm.pid).children() if everybody else []
        for process in (*workers, warm):
            process.terminate()
        log = made / "log"
        workbench.until(
            lambda: "stopped by SIGTERM; the work so far is saved" in log.read_text(), 8
        )
        assert warm.wait(60) == 128 + signal.SIGTERM  # torch takes its time to leave a busy machine
    saved = json.loads(state.read_text())["t"]
    assert list(state.parent.glob(f"round-{saved:06d}.safetensors"))


def test_a_job_can_run_in_any_thread() -> None:
    done = []

    def work() -> None:
        with stoppable():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


# --- whole workflows ------------------------------------------------------------------------


def start(project: Path) -> subprocess.Popen[bytes]:
    """Snakemake as from a shell: in a process group of its own."""
    (project / ".snakemake/locks").mkdir(parents=True, exist_ok=True)
    for lock in (project / ".snakemake/locks").iterdir():
        lock.unlink()  # as `snakemake --unlock` does, in a fraction of the time
    with (project / "out").open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "2", "--rerun-incomplete", *TINY],
            cwd=project,
            env=workbench.environment(project),
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=workbench.heed_interrupts,
        )


def strike(main: subprocess.Popen[bytes], draw: random.Random) -> str:
    """A random signal, to Snakemake, to one of its processes or to all of them."""
    name = draw.choice(("SIGKILL", "SIGTERM", "SIGINT"))
    number, whom = signal.Signals[name], draw.choice(("main", "job", "all"))
    children = psutil.Process(main.pid).children(recursive=True)
    if whom == "all":
        os.killpg(main.pid, number)
    elif whom == "job" and children:
        draw.choice(children).send_signal(number)
    else:
        main.send_signal(number)
    return name


def campaign(project: Path, number: int, seed: int) -> list[str]:
    """Strikes at one study after the other, each of which is then finished; returns the signals."""
    draw, struck = random.Random(seed), list[str]()
    while True:
        main = start(project)
        try:
            if len(struck) < number:
                main.wait(draw.uniform(0.5, 12))
            elif main.wait(300) == 0:
                return struck
        except subprocess.TimeoutExpired:
            struck.append(strike(main, draw))
            main.wait(120)
        if main.returncode == 0 and len(struck) < number:
            put_aside(project, len(struck))


def put_aside(project: Path, number: int) -> None:
    """Put the results of a finished study aside, so that the next one begins with none."""
    shutil.move(project / "results", project / f"results-{number}")
    shutil.rmtree(project / ".snakemake")


@pytest.mark.long
@pytest.mark.parametrize("number", [3, 60])
def test_struck_workflows_end_with_the_same_bytes(
    finished: Path, tmp_path: Path, number: int
) -> None:
    """Snakemake or its jobs, which may outlive it: then those of the next call wait for them."""
    project = workbench.copy_project(tmp_path / "copy")
    struck = campaign(project, number, seed=number)
    assert len(struck) == number
    studies = [*project.glob("results-*"), project / "results"]
    for results in studies:
        assert workbench.outcome(results / "tiny") == workbench.outcome(finished / "results/tiny")
