"""What several test files need: copies of the project, and Snakemake run on them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[1]
RESULTS = (".csv", ".safetensors", ".jsonl", ".md", ".tex")
PARTS = ("Snakefile", "rules", "workflow", "config", "envs", "profiles", "zowarmup")

# Fills a folder by its name once for all workers; see `share` in conftest.py.
Share = Callable[[str, Callable[[Path], object]], Path]

AT_ONCE = ("--max-jobs-per-timespan", "100/1s")  # with the profile, each run ends seconds later

# A server that has imported Snakemake and all its plugins, and calls it in forks: one line of JSON
# in, one line out, for each folder and list of arguments the exit code and what was printed.
SERVER = """
import json, os, sys, tempfile, traceback
import pydantic, smart_open, snakemake.cli

snakemake.cli.get_argument_parser()  # imports all plugins

def call(folder, arguments, out):
    for stream in (1, 2):
        os.dup2(out.fileno(), stream)
    os.chdir(folder)
    sys.path.insert(0, folder)
    try:
        snakemake.cli.main(arguments)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1

def fork(work, *arguments):
    sys.stdout.flush()
    if not (child := os.fork()):
        code = work(*arguments)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def answer(calls, environment):
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if len({folder for folder, _ in calls}) == 1:
        sys.path.insert(0, calls[0][0])
        import zowarmup.plan.plan
    answers = []
    for folder, arguments in calls:
        with tempfile.TemporaryFile() as out:
            code = fork(call, folder, arguments, out)
            out.seek(0)
            answers.append([code, out.read().decode()])
    print(json.dumps(answers), flush=True)
    return 0

for line in iter(sys.stdin.readline, ""):
    fork(answer, *json.loads(line))
"""


@dataclass(frozen=True)
class Answer:
    """How a call of Snakemake ended, and everything that it printed."""

    code: int
    text: str


def copy_project(folder: Path, source: Path = PROJECT) -> Path:
    """The sources of the project in a folder of their own, times kept."""
    for part in PARTS:
        if (source / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source / part, folder / part, ignore=ignored)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / part, folder / part)
    shutil.copy2(PROJECT / "tests" / "tiny.yaml", folder / "tiny.yaml")
    return folder


def environment(project: Path, **more: str) -> dict[str, str]:
    """Jobs import the copy's package, and keep its bytecode, which saves them half their time."""
    return {**os.environ, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "", **more}


def snakemake(project: Path, *arguments: str, **variables: str) -> Answer:
    """Snakemake as a user calls it, in a copy of the project."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, *AT_ONCE],
        cwd=project,
        env=environment(project, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Answer(done.returncode, done.stdout)


def finish_tiny(folder: Path) -> None:
    """Copy the project and make everything of tiny.yaml in the copy."""
    answer = snakemake(copy_project(folder), "--cores", "2", "--configfile", "tiny.yaml")
    assert answer.code == 0, answer.text


def heed_interrupts() -> None:
    """For a process about to start: in the background of a shell it would ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def planned(answer: Answer) -> dict[str, int]:
    """The rules that a dry run would run, and how often; of the files they make, not of targets."""
    assert answer.code == 0, answer.text
    if "Job stats:" not in answer.text:
        assert "Nothing to be done" in answer.text, answer.text
        return {}
    table = answer.text.split("Job stats:")[1].split("\n\n")[0]
    counts = dict(line.split() for line in table.strip().splitlines()[2:])
    return {rule: int(n) for rule, n in counts.items() if rule not in ("all", "total")}


def contents(folder: Path, unlike: Iterable[str] = ("lock", "run.json")) -> dict[str, bytes]:
    """Everything that depends on nothing but what it is of: not on who made it when."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in unlike
    }


def outcome(folder: Path) -> dict[str, bytes]:
    """What people read of results, and what may differ between no two runs of a workflow."""
    return {name: data for name, data in contents(folder).items() if Path(name).suffix in RESULTS}


def edit(file: str, old: str, new: str) -> Callable[[Path], None]:
    """A change of one place in a file of a copy."""

    def change(project: Path) -> None:
        text = (project / file).read_text()
        assert text.count(old) >= 1, f"{file} has changed: adapt the test"
        (project / file).write_text(text.replace(old, new, 1))

    return change


def saved_bytes(folder: Path) -> dict[str, bytes]:
    """Results whose bytes depend on nothing but what they are of."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".csv", ".safetensors", ".jsonl")
    }


def until(
    true: Callable[[], bool], seconds: float, context: Callable[[], str] = lambda: ""
) -> None:
    """Wait until something holds, for so long at most."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited too long\n{context()}"
        time.sleep(0.05)


@cache
def server() -> subprocess.Popen[str]:
    """The server of this process, which ends with it."""
    command = [sys.executable, "-c", SERVER]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def snakemake_many(calls: list[tuple[Path, list[str]]]) -> list[Answer]:
    """The same for many calls that start no jobs, each in a fraction of a second."""
    serving = server()
    assert serving.stdin
    assert serving.stdout
    request = [(str(project), arguments) for project, arguments in calls], dict(os.environ)
    serving.stdin.write(json.dumps(request) + "\n")
    serving.stdin.flush()
    line = serving.stdout.readline()
    assert line, "the server of Snakemake has failed; its message stands above"
    return [Answer(code, text) for code, text in json.loads(line)]
