"""zowarmup run, status, verify, clean: fill a folder of results and look after it."""

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path

from rich.filesize import decimal

from zowarmup.cli.plan import DEFAULT
from zowarmup.common import user_paths
from zowarmup.common.errors import UserError
from zowarmup.inspection.facts import as_json
from zowarmup.inspection.status import view
from zowarmup.inspection.status.job_status import RUNNING, JobStatus, jobs_of, jobs_of_plan
from zowarmup.plan.graph import RULES
from zowarmup.plan.plan import plan

EVERY = 2.0  # seconds between two looks; jobs write their progress as often


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands and their arguments."""
    parser = commands.add_parser("run", help="run part of a config in this process, no Snakemake")
    parser.add_argument("config")
    parser.add_argument("--run", action="append", help="name of a run; all by default")
    parser.add_argument("--seed", action="append", type=int, help="all by default")
    parser.add_argument("--results", default="results", help="folder to write below")
    parser.set_defaults(command=run)

    parser = commands.add_parser("status", help="which jobs are done, running, failed, waiting")
    parser.add_argument(
        "path", nargs="?", default=DEFAULT, help=f"a config or results/<name>; {DEFAULT} by default"
    )
    parser.add_argument("--results", default="results", help="folder that holds a config's results")
    parser.add_argument("--watch", action="store_true", help="look again and again until Ctrl-C")
    parser.add_argument("--once", action="store_true", help="look once, in a terminal too")
    parser.add_argument("--json", action="store_true", help="all of it, for programs")
    parser.set_defaults(command=status)

    parser = commands.add_parser("verify", help="whether hashes, digests and replays agree")
    parser.add_argument("results", help="results/<name>")
    parser.add_argument("--deep", action="store_true", help="evaluate the final models again, too")
    parser.add_argument("--json", action="store_true", help="all of it, for programs")
    parser.set_defaults(command=verify)

    parser = commands.add_parser("clean", help="remove snapshots and state that no result needs")
    parser.add_argument("config")
    parser.add_argument("--results", default="results", help="folder that holds them")
    parser.add_argument("--dry-run", action="store_true", help="remove nothing, say what would be")
    parser.add_argument(
        "--orphans", action="store_true", help="remove runs, too, that the config does not name"
    )
    parser.set_defaults(command=clean)


def run(chosen: argparse.Namespace) -> None:
    """Print the last row of each run."""
    from zowarmup import api

    rows = api.run_config(chosen.config, runs=chosen.run, seeds=chosen.seed, results=chosen.results)
    last = rows.sort_values("round").groupby(["run", "split", "seed"], as_index=False).tail(1)
    columns = ["run", "split", "seed", "round", "test_accuracy", "test_loss"]
    print(last[columns].to_string(index=False))


def status(chosen: argparse.Namespace) -> None:
    """Print the jobs; in a terminal live, as long as one is running."""
    jobs = _jobs(chosen)
    terminal = sys.stdout.isatty() and not chosen.json
    running = any(job.state == RUNNING for job in jobs)
    try:
        if terminal and (chosen.watch or (running and not chosen.once)):
            view.live(lambda: _jobs(chosen), EVERY, ends=not chosen.watch)
            return
        while True:
            print(_text(jobs, terminal, chosen.json), flush=True)
            if not chosen.watch:
                return
            time.sleep(EVERY)
            jobs = _jobs(chosen)
    except KeyboardInterrupt:  # the user has seen enough
        return


def _text(jobs: list[JobStatus], terminal: bool, json: bool) -> str:
    return as_json(list(map(asdict, jobs))) if json else view.text(jobs, terminal=terminal)


def _jobs(chosen: argparse.Namespace) -> list[JobStatus]:
    if Path(chosen.path).is_dir():
        return jobs_of(_results(chosen.path))
    results = user_paths.folder(chosen.results, "--results")
    return jobs_of_plan(plan([chosen.path]), str(results))


def _results(folder: str) -> Path:
    """A folder results/<name>.

    Raises:
        UserError: it is none.
    """
    if not any((Path(folder) / kind).is_dir() for kind in RULES):
        raise UserError(f"{folder}: no folder of results; give results/<name> or a config")
    return Path(folder)


def verify(chosen: argparse.Namespace) -> int:
    """Print the findings; returns 1 if something does not agree."""
    from zowarmup.inspection import verify as verification

    report = verification.verify(_results(chosen.results), deep=chosen.deep)
    print(as_json(report) if chosen.json else verification.text(report))
    return 0 if report["agrees"] else 1


def clean(chosen: argparse.Namespace) -> None:
    """Print what was removed, the folders of running jobs and those that the config lacks."""
    from zowarmup.inspection.clean.clean import Cleaner

    config = plan([chosen.config])
    results = user_paths.folder(chosen.results, "--results")
    if not (folder := results / config.name).is_dir():
        raise UserError(
            f"--results: {folder}: no such folder; name the one that holds {config.name}"
        )
    cleaner = Cleaner(config, str(results), dry=chosen.dry_run, with_orphans=chosen.orphans)
    cleaner.clean()
    verb = "would remove" if chosen.dry_run else "removed"
    for path, size in cleaner.removed.items():
        print(f"{verb} {path}  {decimal(size)}")
    for path in cleaner.running:
        print(f"left alone, a job is at work there: {path}")
    for path, size in cleaner.orphans.items():
        print(f"not of this config, --orphans removes it: {path}  {decimal(size)}")
    total = decimal(sum(cleaner.removed.values()))
    print(f"{verb} {len(cleaner.removed)} files and folders, {total}")
