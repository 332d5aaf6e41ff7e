"""zowarmup clean: take away what no result of a config needs."""

import argparse

from zowarmup.common import preflight, user_paths
from zowarmup.common.errors import UserError
from zowarmup.plan.plan import plan


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command and its arguments."""
    parser = commands.add_parser("clean", help="remove snapshots and state that no result needs")
    parser.add_argument("config")
    parser.add_argument("--results", default="results", help="folder that holds them")
    parser.add_argument("--dry-run", action="store_true", help="remove nothing, say what would be")
    parser.add_argument(
        "--orphans", action="store_true", help="remove runs, too, that the config does not name"
    )
    parser.set_defaults(command=clean)


def clean(chosen: argparse.Namespace) -> None:
    """Print what goes, what stays though nothing names it, and what is at work."""
    from rich.filesize import decimal as size

    from zowarmup.inspection.clean.clean import Cleaner

    preflight.check_code()  # saved work of other code is removed
    made = plan([chosen.config])
    results = user_paths.folder(chosen.results, "--results")
    if not (folder := results / made.name).is_dir():
        raise UserError(f"--results: {folder}: no such folder; name the one that holds {made.name}")
    cleaner = Cleaner(made, str(results), dry=chosen.dry_run, orphans=chosen.orphans)
    found = cleaner.clean()
    verb = "would remove" if chosen.dry_run else "removed"
    for path, bytes_ in found.removed.items():
        print(f"{verb} {path}  {size(bytes_)}")
    for path in found.running:
        print(f"left alone, a job is at work there: {path}")
    left = [] if chosen.orphans else list(found.orphans.items())
    for path, bytes_ in left:
        print(f"not of this config, --orphans removes it: {path}  {size(bytes_)}")
    print(f"{verb} {len(found.removed)} files and folders, {size(sum(found.removed.values()))}")
