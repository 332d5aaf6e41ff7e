"""The snapshots of its warm-ups that a config needs, and a check that they exist."""

import re
from pathlib import Path

from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import read_json
from zowarmup.plan.graph import Graph, graph
from zowarmup.plan.paths import Paths
from zowarmup.plan.plan import Plan
from zowarmup.plan.specs import WarmupSpec

NAME = re.compile(r"round-(\d+)\.safetensors")  # see storage.checkpoint


def wanted(plan: Plan, jobs: Graph) -> dict[tuple[str, str], set[int]]:
    """The rounds of each (warm-up, seed) where something starts, or that are a run's last."""
    needed: dict[tuple[str, str], set[int]] = {
        (job.name, job.part): {plan.warmups[job.name].phase.rounds}
        for job in jobs
        if job.rule == "warmup"
    }
    for cell in plan.cells:
        spec = plan.runs[cell.run]
        for seed in map(str, cell.seeds):
            if spec.warmup:
                needed[spec.warmup, seed].add(spec.pivot)
    for job in jobs:
        selection = plan.selections.get(job.name) if job.rule == "select" else None
        if selection and selection.warmup:
            for seed in map(str, selection.seeds):
                needed[selection.warmup, seed].add(selection.start)
    return needed


def existing(folder: Path) -> dict[int, Path]:
    """The snapshots in a folder by their rounds."""
    files = folder.iterdir() if folder.is_dir() else ()
    return {int(named[1]): file for file in files if (named := NAME.fullmatch(file.name))}


def check(paths: Paths) -> None:
    """Checks that a finished warm-up has every snapshot that the config needs.

    `zowarmup clean` deletes a snapshot where no run begins; a pivot that is added later needs it,
    and neither Snakemake nor the job could say what to do.

    Raises:
        UserError: names the folder, the round and the fix.
    """
    for (warmup, seed), rounds in wanted(paths.plan, graph(paths.plan)).items():
        folder = Path(paths.warmup(warmup, seed))
        existing_files = existing(folder / "snapshots")
        missing = sorted(
            t for t in rounds - set(existing_files) if _was_saved(folder / "run.json", t)
        )
        if existing_files and missing:
            raise UserError(
                f"{folder}/snapshots: round {missing[0]}, where a run of this config starts, was "
                f"cleaned away; recreate the warm-up: rm -r {paths.root}/warmups/{warmup}"
            )


def _was_saved(record: Path, t: int) -> bool:
    """Whether a finished warm-up saved round t; of other rounds Snakemake sees that it must."""
    if not record.is_file():
        return False
    with reading(record):
        spec = WarmupSpec.read(read_json(record)["spec"])
        return t <= spec.phase.rounds and spec.is_snapshot(t)
