"""The job that measures the curvature of the loss along a warm-up: files in, files out."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from zowarmup.common.json_value import Json
from zowarmup.plan.specs import WarmupSpec
from zowarmup.plan.value import Plain
from zowarmup.storage import checkpoint, run_json
from zowarmup.training import context
from zowarmup.training.context import Context
from zowarmup.training.curvature import curvature

File = Path | str


def measure(
    plain: Plain,
    seed: int,
    rounds: Sequence[int],
    code: str,
    *,
    data: File,
    federation: File,
    snapshots: File,
    output: File,
) -> None:
    """Measure the curvature at some rounds of a warm-up; see training.curvature.

    Args:
        plain: the WarmupSpec as plain values.
        rounds: have snapshots; round 0 is the initialisation.
    """
    spec = WarmupSpec.read(plain)
    ready = context.build(spec, data, federation)
    points = [_point(ready, checkpoint.snapshot(snapshots, t), seed, t) for t in rounds]
    run_json.write(
        output,
        [],
        spec=spec.model_dump(mode="json"),
        dataset=spec.dataset,
        model=spec.model,
        width=spec.width,
        split=spec.split,
        seed=seed,
        points=points,
        code=code,
    )


def _point(ready: Context, file: Path, seed: int, t: int) -> dict[str, Json]:
    """Return what is measured at one snapshot, with None for NaN."""
    values = asdict(
        curvature(ready, checkpoint.weights(file, ready.model).to(ready.device), seed, t)
    )
    return {"round": t} | {k: v if math.isfinite(v) else None for k, v in values.items()}
