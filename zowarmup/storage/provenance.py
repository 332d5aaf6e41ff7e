"""What made a result: everything that its bits depend on, in plain JSON.

It stands at the head of a journal, in a saved state and in run.json. Saved work is gone on from
only where all of it is the same.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from zowarmup.plan.specs import JobSpec
from zowarmup.storage import run_json

Provenance = dict[str, Any]
File = Path | str


def of(spec: JobSpec, code: str, files: Mapping[str, File], **more: Any) -> Provenance:
    """The origin of a job's results.

    Args:
        spec: with its learning rates as numbers.
        code: digest of the modules that run.
        files: what is read, by what it is.
        more: of a run its seed, seeds and where it starts.
    """
    made = more | {
        "spec": spec.model_dump(mode="json"),
        "code": code,
        "inputs": {name: run_json.sha256(file) for name, file in files.items()},
        "torch": str(torch.__version__),
        "device": kind_of_device(spec.engine.device),
    }
    return dict(json.loads(json.dumps(made)))  # as it is when it has been read again


def files_of_trials(
    data: File, federations: Sequence[File], starts: Sequence[File]
) -> dict[str, File]:
    """What a selection reads: of each tuning seed its federation and, after a warm-up, a start."""
    dealt = {f"federation.{i}": file for i, file in enumerate(federations)}
    return {"data": data} | dealt | {f"start.{i}": file for i, file in enumerate(starts)}


def kind_of_device(device: str) -> str:
    """The name of what computes, as far as the bits may depend on it."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{device} {torch.backends.cpu.get_cpu_capability()}"


def fingerprint(made: Provenance) -> str:
    """A digest of an origin."""
    text = json.dumps(made, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def difference(then: Any, now: Any) -> str:
    """The first thing in which two origins differ, as part of a sentence; empty if they do not."""
    return next(differences(then, now), "")


def differences(then: Any, now: Any, name: str = "") -> Iterator[str]:
    """Everything in which two origins differ, "spec.phases.0.lr was 0.1 and is 0.2"."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in sorted({*then, *now}):
            yield from differences(then.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for i, pair in enumerate(zip(then, now, strict=True)):
            yield from differences(*pair, f"{name}.{i}")
    elif then != now:
        yield f"{name or 'it'} was {then} and is {now}"
