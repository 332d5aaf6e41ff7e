"""By what a warm-up is known in a cache that several working copies share.

Snakemake knows an output by its script, its params and what its inputs are made by. It does not see
the seed, which is a wildcard, nor which images lay in the data folder, nor the version of torch.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from zowarmup.storage import run_json
from zowarmup.storage.provenance import kind_of_device


def key(seed: str, device: str, files: Iterable[Path | str]) -> dict[str, Any]:
    """Everything that decides the bits of a warm-up, beside its settings and its code.

    Raises:
        FileNotFoundError: one of the files it reads has not been made yet.
    """
    here = device != "cuda" or torch.cuda.is_available()
    return {
        "seed": seed,
        "inputs": [run_json.sha256(file) for file in files],
        "versions": run_json.versions(),
        "device": kind_of_device(device) if here else "none here",
    }
