"""The provenance of a result: everything that its bits depend on, as JSON values.

It stands in the header of a journal, in a resume state and in run.json. A job resumes saved work
only if its provenance is the same; otherwise the work is stale.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from zowarmup.common.json_value import Json
from zowarmup.plan.specs import JobSpec
from zowarmup.storage import run_json

Provenance = dict[str, Json]
File = Path | str


def of(spec: JobSpec, code: str, files: Mapping[str, File], **more: Json) -> Provenance:
    """The provenance of a job's results.

    Args:
        spec: the job's spec, with learning rates as numbers.
        code: digest of the modules that run.
        files: the inputs by name.
        more: further JSON values; for a run its seed, seeds and start.
    """
    values = more | {
        "spec": spec.model_dump(mode="json"),
        "code": code,
        "inputs": {name: run_json.sha256(file) for name, file in files.items()},
        "torch": str(torch.__version__),
        "device": kind_of_device(spec.engine.device),
    }
    return dict(json.loads(json.dumps(values)))  # as it will be when read from a file


def files_of_trials(data: File, federations: Sequence[File]) -> dict[str, File]:
    """The inputs of a selection: the images, and a federation for each tuning seed."""
    return {"data": data} | {f"federation.{i}": file for i, file in enumerate(federations)}


def kind_of_device(device: str) -> str:
    """Return the GPU's name or the processor's capability, on which the bits may depend."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{device} {torch.backends.cpu.get_cpu_capability()}"


def fingerprint(provenance: Provenance) -> str:
    """A digest of a provenance."""
    text = json.dumps(provenance, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def difference(then: object, now: object) -> str:
    """The first difference between two provenances, as part of a sentence; empty if equal."""
    return next(differences(then, now), "")


def differences(then: object, now: object, name: str = "") -> Iterator[str]:
    """All differences between two provenances, such as "spec.phases.0.lr was 0.1 and is 0.2"."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in sorted({*then, *now}):
            yield from differences(then.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for i, pair in enumerate(zip(then, now, strict=True)):
            yield from differences(*pair, f"{name}.{i}")
    elif then != now:
        yield f"{name or 'it'} was {then} and is {now}"
