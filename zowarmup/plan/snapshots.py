"""The snapshots of warm-ups that a config needs, and a check that these exist."""

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
    """Return, for each (warm-up, seed), the last round and the rounds where other jobs start."""
    needed: dict[tuple[str, str], set[int]] = {
        (job.name, job.part): {plan.warmups[job.name].phase.rounds}
        for job in jobs
        if job.rule == "warmup"
    }
    runs = [(plan.runs[cell.run], cell.seeds) for cell in plan.cells]
    starts = [(spec.warmup, spec.pivots, seeds) for spec, seeds in runs]
    for warmup, pivots, seeds in starts:
        for seed in seeds if warmup else ():
            needed[str(warmup), str(seed)].update(pivots)
    points = Paths(plan).curvature_points()
    for job in jobs:
        if job.rule == "curvature":
            needed[job.name, job.part].update(points[job.name, int(job.part)])
    return needed


def existing(folder: Path) -> dict[int, Path]:
    """Return the snapshots in a folder, by round."""
    files = folder.iterdir() if folder.is_dir() else ()
    return {int(named[1]): file for file in files if (named := NAME.fullmatch(file.name))}


def check(paths: Paths) -> None:
    """Check that a finished warm-up has every snapshot that the config needs.

    `zowarmup clean` deletes the snapshots where no run starts; a pivot added later may need one.

    Raises:
        UserError: names the folder, the round and the fix.
    """
    for (warmup, seed), rounds in wanted(paths.plan, graph(paths.plan)).items():
        folder = Path(paths.warmup(warmup, seed))
        kept, record = existing(folder / "snapshots"), folder / "run.json"
        missing = rounds - set(kept)
        if not kept or not missing or not record.is_file():
            continue
        with reading(record):
            spec = WarmupSpec.read(read_json(record)["spec"])
        # Snakemake itself plans the rounds that were never saved
        if saved := [t for t in missing if t <= spec.phase.rounds and spec.is_snapshot(t)]:
            raise UserError(
                f"{folder}/snapshots: round {min(saved)}, where a run of this config starts, was "
                f"cleaned away; type `rm -r {paths.root}/warmups/{warmup}`, then run Snakemake"
            )
