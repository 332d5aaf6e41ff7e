"""The snapshots of its warm-ups that a config needs, and whether they exist."""

import re
from pathlib import Path

from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import read_json
from zowarmup.plan.graph import Graph, graph
from zowarmup.plan.paths import Paths
from zowarmup.plan.plan import Plan

NAME = re.compile(r"round-(\d+)\.safetensors")  # see storage.checkpoint


def wanted(plan: Plan, jobs: Graph) -> dict[tuple[str, str], set[int]]:
    """The rounds of each (warm-up, seed) at which something starts, and the last one."""
    rounds: dict[tuple[str, str], set[int]] = {
        (job.name, job.part): {plan.warmups[job.name]["rounds"]}
        for job in jobs
        if job.rule == "warmup"
    }
    for cell in plan.cells:
        spec = plan.runs[cell.run]
        for seed in map(str, cell.seeds):
            if spec["warmup"]:
                rounds[spec["warmup"], seed].add(spec["phases"][0]["rounds"])
    for job in jobs:
        spec = plan.selections[job.name] if job.rule == "select" else {"warmup": None}
        if spec["warmup"]:
            for seed in map(str, spec["seeds"]):
                rounds[spec["warmup"], seed].add(spec["start"])
    return rounds


def saved_rounds(folder: Path) -> dict[int, Path]:
    """The snapshots in a folder by their rounds."""
    files = folder.iterdir() if folder.is_dir() else ()
    return {int(named[1]): file for file in files if (named := NAME.fullmatch(file.name))}


def check(paths: Paths) -> None:
    """Checks that a finished warm-up has every snapshot that the config needs.

    `zowarmup clean` removes a snapshot at which no run starts. If a pivot is added there later,
    neither Snakemake nor the job could say what to do.

    Raises:
        UserError: names the folder, the round and the fix.
    """
    for (warmup, seed), rounds in wanted(paths.plan, graph(paths.plan)).items():
        folder = Path(paths.warmup(warmup, seed))
        saved = saved_rounds(folder / "snapshots")
        missing = sorted(t for t in rounds - set(saved) if _was_saved(folder / "run.json", t))
        if saved and missing:
            raise UserError(
                f"{folder}/snapshots: round {missing[0]}, where a run of this config starts, was "
                f"cleaned away; recreate the warm-up: rm -r {paths.root}/warmups/{warmup}"
            )


def _was_saved(record: Path, t: int) -> bool:
    """Whether a finished warm-up saved round t; Snakemake itself misses other rounds."""
    if not record.is_file():
        return False
    with reading(record):
        spec = read_json(record)["spec"]
        return bool(t == spec["rounds"] or (t < spec["rounds"] and t % spec["snapshot_every"] == 0))
