"""zowarmup run, status, preview, verify, clean: fill, watch, show, check and clean up results."""

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path

from rich.filesize import decimal

from zowarmup.cli.command import Commands, command
from zowarmup.cli.plan import DEFAULT
from zowarmup.common import user_paths
from zowarmup.common.code_digest import ROOT
from zowarmup.common.errors import UserError
from zowarmup.inspection import status_view
from zowarmup.inspection.facts import as_json, as_text
from zowarmup.inspection.job_status import RUNNING, JobStatus, jobs_of, jobs_of_plan
from zowarmup.plan.graph import RULES
from zowarmup.plan.paths import Paths
from zowarmup.plan.plan import plan

EVERY = 2.0  # seconds between two looks; jobs write their progress as often


def add(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the commands and their arguments."""
    summary = "run part of a config in this process, without Snakemake"
    parser = command(commands, "run", run, summary)
    parser.add_argument("config")
    parser.add_argument("--run", action="append", help="name of a run; repeatable; all by default")
    parser.add_argument("--seed", action="append", type=int, help="repeatable; all by default")
    parser.add_argument("--results", default="results", help="folder for the results")

    summary = "show which jobs are done, running, failed or waiting"
    parser = command(commands, "status", status, summary, "--watch", "--once", "--json")
    path = f"a config or results/<name>; {DEFAULT} by default"
    parser.add_argument("path", nargs="?", default=DEFAULT, help=path)
    parser.add_argument("--results", default="results", help="folder of a config's results")

    summary = "make tables, figures and verdicts of the runs that have finished so far"
    parser = command(commands, "preview", preview, summary, "--json")
    parser.add_argument("config", nargs="?", default=DEFAULT, help=f"by default {DEFAULT}")
    parser.add_argument("--results", default="results", help="folder of the config's results")
    parser.add_argument("--output", help="folder to write to; by default results/<name>/preview")

    summary = "check that hashes, digests and replays agree"
    parser = command(commands, "verify", verify, summary, "--deep", "--json")
    parser.add_argument("results", help="results/<name>")

    summary = "remove snapshots and state that no result needs"
    parser = command(commands, "clean", clean, summary, "--dry-run", "--orphans")
    parser.add_argument("config")
    parser.add_argument("--results", default="results", help="folder of the config's results")


def run(chosen: argparse.Namespace) -> None:
    """Print the last row of each run."""
    from zowarmup import api

    rows = api.run_config(chosen.config, runs=chosen.run, seeds=chosen.seed, results=chosen.results)
    last = rows.sort_values("round").groupby(["run", "split", "seed"], as_index=False).tail(1)
    columns = ["run", "split", "seed", "round", "test_accuracy", "test_loss"]
    print(last[columns].to_string(index=False))


def status(chosen: argparse.Namespace) -> None:
    """Print the jobs; in a terminal, update them live as long as a job is running."""
    jobs = _jobs(chosen)
    terminal = sys.stdout.isatty() and not chosen.json
    running = any(job.state == RUNNING for job in jobs)
    try:
        if terminal and (chosen.watch or (running and not chosen.once)):
            return status_view.live(lambda: _jobs(chosen), EVERY, ends=not chosen.watch)
        while True:
            json = as_json(list(map(asdict, jobs))) if chosen.json else None
            print(json or status_view.text(jobs, terminal=terminal), flush=True)
            if not chosen.watch:
                return
            time.sleep(EVERY)
            jobs = _jobs(chosen)
    except KeyboardInterrupt:  # the user has seen enough
        return


def _jobs(chosen: argparse.Namespace) -> list[JobStatus]:
    if Path(chosen.path).is_dir():
        return jobs_of(_results(chosen.path))
    results = user_paths.folder(chosen.results, "--results")
    return jobs_of_plan(plan([chosen.path]), str(results))


def _results(folder: str) -> Path:
    if not any((Path(folder) / kind).is_dir() for kind in RULES):
        raise UserError(f"{folder}: not a folder of results; give results/<name>, or a config")
    return Path(folder)


def preview(chosen: argparse.Namespace) -> None:
    """Print how much has finished, and where the page is."""
    from zowarmup.inspection.preview import Preview

    config = plan([chosen.config])
    results = user_paths.folder(chosen.results, "--results")
    output = user_paths.folder(chosen.output or results / config.name / "preview", "--output")
    if output.absolute() == (results / config.name).absolute():
        raise UserError(f"--output: {output} has the results themselves; name another folder")
    claims = user_paths.find("claims", config.config.claims, [chosen.config], ROOT.parent)
    if (earlier := config.config.selection.trials) is not None:
        earlier = user_paths.find("selection.trials", earlier, [chosen.config], ROOT.parent)
    facts = Preview(Paths(config, str(results)), output, claims, earlier).write()
    print(as_json(facts) if chosen.json else as_text(facts))


def verify(chosen: argparse.Namespace) -> int:
    """Print the findings; return 1 if something does not agree."""
    from zowarmup.inspection import verify as verification

    report = verification.verify(_results(chosen.results), deep=chosen.deep)
    print(as_json(report) if chosen.json else verification.text(report))
    return 0 if report["agrees"] else 1


def clean(chosen: argparse.Namespace) -> None:
    """Print three lists: what was removed, folders of running jobs, folders not in the config."""
    from zowarmup.inspection.clean import Cleaner

    config = plan([chosen.config])
    results = user_paths.folder(chosen.results, "--results")
    if not (folder := results / config.name).is_dir():
        raise UserError(
            f"--results: {folder}: no such folder; name the folder that holds {config.name}"
        )
    cleaner = Cleaner(config, str(results), dry=chosen.dry_run, with_orphans=chosen.orphans)
    cleaner.clean()
    verb = "would remove" if chosen.dry_run else "removed"
    for path, size in cleaner.removed.items():
        print(f"{verb} {path}  {decimal(size)}")
    for path in cleaner.running:
        print(f"left alone, since a job is running there: {path}")
    for path, size in cleaner.orphans.items():
        print(f"not in this config (--orphans removes it): {path}  {decimal(size)}")
    total = decimal(sum(cleaner.removed.values()))
    print(f"{verb} {len(cleaner.removed)} files and folders, {total}")
