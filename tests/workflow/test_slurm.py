"""The workflow on a real SLURM cluster of this one machine: kills, limits, and the same bytes.

tests/workflow/slurm/up.sh starts the cluster, as root on Debian or Ubuntu, and installs it where it
is not there. A copy of the package lets a job wait in the middle of its training until it is hit:
it looks for a file `hold-ROUND` after every round, takes it, and does what stands in it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import workbench

SCRIPTS = workbench.PROJECT / "tests" / "workflow" / "slurm"
LACKING = 77  # exit status of up.sh where the cluster cannot be had
HELD_ROUND, RECORDS = 41, 21  # the round after which a run waits, and its records by then
PATIENCE = 300  # seconds that a workflow may take

pytestmark = pytest.mark.slurm

HOLDING = """
import json, os, signal, time
from pathlib import Path

from zowarmup.storage import journal

append = journal.Journal.append


def append_then_wait(self, record):
    append(self, record)
    hold = Path(f"hold-{record.get('round')}")
    try:
        hold.rename("taken")
    except FileNotFoundError:
        return
    about = {"pid": os.getpid(), "job": os.environ.get("SLURM_JOB_ID")}
    Path("held.tmp").write_text(json.dumps(about))
    os.rename("held.tmp", "held")
    exec(Path("taken").read_text())


journal.Journal.append = append_then_wait
"""
WAIT = """
try:
    while Path("taken").exists():
        time.sleep(0.1)
except BaseException as end:
    Path("heard").write_text(str(end))
    raise
"""


# --- the cluster ----------------------------------------------------------------------------


def up(request: pytest.FixtureRequest, **variables: str) -> bool:
    """Start the cluster; whether it was not there before."""
    done = subprocess.run(
        [SCRIPTS / "up.sh", "4"],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    said = (done.stdout.strip().splitlines() or [""])[-1]
    if done.returncode == LACKING:
        plugins = request.config.pluginmanager
        reporter: Any = plugins.get_plugin("terminalreporter")
        capture: Any = plugins.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"\nSLURM IS NOT TESTED: {said}", red=True, bold=True)
        pytest.skip(said)
    assert done.returncode == 0, done.stdout
    return said == "started"


def down() -> None:
    subprocess.run([SCRIPTS / "down.sh"], check=True, timeout=60)


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[None]:
    """One without accounting."""
    started = up(request)
    yield
    if started:
        down()


@pytest.fixture
def accounting(request: pytest.FixtureRequest) -> Iterator[None]:
    """One with a database, and so with `sacct`."""
    down()
    up(request, ACCOUNTING="1")
    yield
    down()


def slurm(*words: str) -> str:
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, timeout=30).stdout


def state_of(job: str) -> str:
    """RUNNING, CANCELLED, ..."""
    return slurm("squeue", "-h", "--states=all", "-j", job, "-o", "%T").strip()


# --- a workflow on it -----------------------------------------------------------------------


@dataclass
class Workflow:
    """A copy of the project with a study whose runs are still to be made."""

    project: Path
    profile: str = "profiles/slurm-squeue"
    config: str = "tiny.yaml"

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        """Snakemake as on a login node, looking at its jobs more often than is polite there."""
        soon = ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"]
        often = ["--max-status-checks-per-second", "1"]
        command = [sys.executable, "-m", "snakemake", "--profile", self.profile]
        with (self.project / "out").open("ab") as out:
            return subprocess.Popen(
                [*command, "--configfile", self.config, *soon, *often, *more],
                cwd=self.project,
                env=workbench.environment(self.project),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=workbench.heed_interrupts,
            )

    def end(self, main: subprocess.Popen[bytes], code: int = 0, patience: float = PATIENCE) -> None:
        try:
            main.wait(patience)
        except subprocess.TimeoutExpired:
            main.send_signal(signal.SIGINT)  # it cancels its jobs; hung, nothing else ends it
            main.wait(200)
            pytest.fail(f"still at work after {patience} s:\n{self.said()}")
        assert main.returncode == code, self.said()

    def run(self, *more: str) -> None:
        self.end(self.start(*more))

    def said(self) -> str:
        return (self.project / "out").read_text()

    def hold(self, statement: str = WAIT) -> None:
        (self.project / f"hold-{HELD_ROUND}").write_text(statement)

    def held(self) -> dict[str, Any]:
        """The process and the SLURM job that wait."""
        workbench.until(lambda: (self.project / "held").exists(), 120, self.said)
        found: dict[str, Any] = json.loads((self.project / "held").read_text())
        return found

    def heard(self) -> str:
        """What ended the wait."""
        return (self.project / "heard").read_text()

    def release(self) -> None:
        (self.project / "taken").unlink()

    def logs(self) -> str:
        """Of the last attempts of the runs."""
        folder = self.project / "results/tiny/logs/train"
        return "\n".join(path.read_text() for path in folder.glob("*/*.log"))


@pytest.fixture
def workflow(cluster: None, finished: Path, tmp_path: Path) -> Workflow:
    return unfinished(finished, tmp_path / "copy", "runs")


def unfinished(finished: Path, folder: Path, *lacking: str) -> Workflow:
    """A copy of the finished project without some of its results and what was drawn from them."""
    project = shutil.copytree(finished, folder)
    results = project / "results/tiny"
    for place in (*lacking, "tables", "figures"):
        shutil.rmtree(results / place)
    for file in [*results.glob("*.*")]:
        file.unlink()
    with (project / "zowarmup/training/__init__.py").open("a") as file:
        file.write(HOLDING)
    return Workflow(project)


# --- what CI tries --------------------------------------------------------------------------


def test_a_cancelled_study_gives_the_bytes_of_a_local_one(
    cluster: None, finished: Path, tmp_path: Path
) -> None:
    """Who holds what and the warm-up of the second seed, then the runs, one of them cancelled."""
    lacking = ("federations/default/1", "warmups/fedavg-high/1", "runs")
    workflow = unfinished(finished, tmp_path / "copy", *lacking)
    workflow.hold()
    main = workflow.start()
    held = workflow.held()
    slurm("scancel", held["job"])
    workbench.until(lambda: not psutil.pid_exists(held["pid"]), 8, workflow.said)
    workflow.end(main)
    assert state_of(held["job"]) == "CANCELLED"
    assert workflow.heard() == "stopped by SIGTERM"
    assert f"replaying {RECORDS} rounds" in workflow.logs()
    assert workbench.outcome(workflow.project / "results") == workbench.outcome(
        finished / "results"
    )


# --- the long form --------------------------------------------------------------------------


@pytest.mark.long
def test_a_killed_job_is_run_again(workflow: Workflow, finished: Path) -> None:
    workflow.hold()
    main = workflow.start()
    os.kill(workflow.held()["pid"], signal.SIGKILL)
    workflow.end(main)
    assert f"replaying {RECORDS} rounds" in workflow.logs()
    assert workbench.outcome(workflow.project / "results") == workbench.outcome(
        finished / "results"
    )


@pytest.mark.long
def test_a_job_gets_more_memory_when_it_had_too_little(workflow: Workflow, finished: Path) -> None:
    workflow.hold("full = b'x' * 900_000_000; time.sleep(600)")
    main = workflow.start("--set-resources", "train:mem_mb=1000 * attempt")
    held = workflow.held()
    workflow.end(main)
    assert state_of(held["job"]) in ("FAILED", "OUT_OF_MEMORY")
    [log] = workflow.project.glob("results/logs/slurm/rule_train/*/*.log")  # of what failed
    assert "exceeded memory limit" in log.read_text()
    assert f"replaying {RECORDS} rounds" in workflow.logs()
    assert workbench.outcome(workflow.project / "results") == workbench.outcome(
        finished / "results"
    )


@pytest.mark.long
def test_a_job_saves_before_its_time_is_up(workflow: Workflow, finished: Path) -> None:
    """SLURM's signal comes 60 to 120 seconds before the limit and reaches the training itself."""
    workflow.hold()
    began = time.monotonic()
    main = workflow.start("--set-resources", "train:runtime=2 * attempt")
    held = workflow.held()
    workbench.until(lambda: not psutil.pid_exists(held["pid"]), 110, workflow.said)
    assert time.monotonic() - began < 110
    workflow.end(main)
    assert state_of(held["job"]) == "FAILED"  # and not TIMEOUT
    assert workflow.heard() == "stopped by SIGTERM"
    assert f"replaying {RECORDS} rounds" in workflow.logs()
    assert workbench.outcome(workflow.project / "results") == workbench.outcome(
        finished / "results"
    )


@pytest.mark.long
def test_a_job_gets_more_time_when_it_had_too_little(workflow: Workflow, finished: Path) -> None:
    """One that is not asked to end before, and that does not end when it is."""
    workflow.hold("signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")
    unasked = ["--default-resources", "slurm_partition=cpu"]
    main = workflow.start(*unasked, "--set-resources", "train:runtime=attempt")
    held = workflow.held()
    workflow.end(main)
    assert state_of(held["job"]) == "TIMEOUT"
    assert f"replaying {RECORDS} rounds" in workflow.logs()
    assert workbench.outcome(workflow.project / "results") == workbench.outcome(
        finished / "results"
    )


@pytest.mark.long
def test_an_interrupted_snakemake_cancels_its_jobs(workflow: Workflow, finished: Path) -> None:
    workflow.hold()
    main = workflow.start()
    held = workflow.held()
    main.send_signal(signal.SIGINT)
    workflow.end(main, code=1)
    workbench.until(lambda: state_of(held["job"]) == "CANCELLED", 20)
    assert workflow.heard() == "stopped by SIGTERM"
    workflow.run()
    assert f"replaying {RECORDS} rounds" in workflow.logs()
    assert workbench.outcome(workflow.project / "results") == workbench.outcome(
        finished / "results"
    )


@pytest.mark.long
def test_jobs_that_outlive_a_killed_snakemake_are_waited_for(
    workflow: Workflow, finished: Path
) -> None:
    """The second submission's job names who has the run, then finishes from its journal."""
    workflow.hold()
    main = workflow.start()
    held = workflow.held()
    main.kill()
    main.wait()
    workbench.snakemake(workflow.project, "--unlock", "--configfile", "tiny.yaml")
    again = workflow.start()
    who = f"pid {held['pid']} on {os.uname().nodename}, SLURM job {held['job']}"
    workbench.until(lambda: who in workflow.logs(), 60, workflow.said)
    assert state_of(held["job"]) == "RUNNING"
    workflow.release()
    workflow.end(again)
    assert state_of(held["job"]) == "COMPLETED"
    assert workbench.outcome(workflow.project / "results") == workbench.outcome(
        finished / "results"
    )


@pytest.mark.long
def test_a_preempted_job_goes_on_by_itself(workflow: Workflow, finished: Path) -> None:
    """A job of a partition with a higher tier takes its place; it is put back into the queue."""
    workflow.hold()
    main = workflow.start("--retries", "0")
    held = workflow.held()
    slurm("srun", "--partition=urgent", "--ntasks=1", "--cpus-per-task=4", "--mem=100", "true")
    assert state_of(held["job"]) == "PENDING"
    slurm("scontrol", "update", f"JobId={held['job']}", "StartTime=now")  # in place of two minutes
    workflow.end(main)
    assert state_of(held["job"]) == "COMPLETED"
    assert workbench.outcome(workflow.project / "results") == workbench.outcome(
        finished / "results"
    )


@pytest.mark.long
def test_smoke_study_with_accounting_through_an_outage_of_it(
    accounting: None, tmp_path: Path
) -> None:
    """The database is gone for 20 seconds while jobs run."""
    local = workbench.copy_project(tmp_path / "local")
    smoke = ["--configfile", "config/smoke.yaml"]
    answer = workbench.snakemake(local, "--cores", "4", "--quiet", "host", "rules", *smoke)
    assert answer.code == 0, answer.text
    project = workbench.copy_project(tmp_path / "copy")
    workflow = Workflow(project, "profiles/slurm", "config/smoke.yaml")
    main = workflow.start("--groups", "train=training", "--group-components", "training=4")
    workbench.until(lambda: "rule train" in workflow.said(), 400, workflow.said)
    os.kill(int(Path("/run/slurm/slurmdbd.pid").read_text()), signal.SIGKILL)
    time.sleep(20)
    subprocess.run(["slurmdbd"], check=True)
    workflow.end(main, patience=900)
    assert workbench.outcome(project / "results") == workbench.outcome(local / "results")
