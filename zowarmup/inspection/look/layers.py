"""Sizes of parameters and distances between models, layer by layer, in float64."""

import hashlib
from collections.abc import Mapping
from typing import Any

from torch import Tensor, linalg

Facts = dict[str, Any]
Named = Mapping[str, Tensor]


def norms(named: Named) -> list[Facts]:
    """Name, shape, Euclidean norm and root mean square of each tensor, then of all together."""
    rows = [_norm(name, list(tensor.shape), tensor) for name, tensor in named.items()]
    total = sum(row["norm"] ** 2 for row in rows)
    count = sum(tensor.numel() for tensor in named.values())
    everything = {"norm": total**0.5, "rms": (total / max(count, 1)) ** 0.5}
    return [*rows, {"layer": "all", "shape": [count], **everything}]


def _norm(name: str, shape: list[int], tensor: Tensor) -> Facts:
    size = linalg.vector_norm(tensor.double()).item()
    return {
        "layer": name,
        "shape": shape,
        "norm": size,
        "rms": size / max(1, tensor.numel()) ** 0.5,
    }


def distances(a: Named, b: Named) -> list[Facts]:
    """How far b is from a: |b - a|, that over |a|, and the cosine between them.

    Layers that one of them lacks, or has in another shape, are named without numbers. NaN where a
    norm is 0.
    """
    rows = []
    dot, squares = 0.0, [0.0, 0.0, 0.0]
    for name in dict.fromkeys((*a, *b)):
        if name not in a or name not in b or a[name].shape != b[name].shape:
            rows.append({"layer": name, "differs": f"{_shape(a, name)} and {_shape(b, name)}"})
            continue
        x, y = a[name].double().flatten(), b[name].double().flatten()
        own = [(v @ v).item() for v in (x, y, y - x)]
        rows.append({"layer": name, **_distance((x @ y).item(), own)})
        dot, squares = dot + (x @ y).item(), [s + o for s, o in zip(squares, own, strict=True)]
    return [*rows, {"layer": "all", **_distance(dot, squares)}]


def _distance(dot: float, squares: list[float]) -> Facts:
    """From the products x y, x x, y y and (y - x)(y - x)."""
    x, y, apart = (square**0.5 for square in squares)
    nan = float("nan")
    return {
        "distance": apart,
        "relative": apart / x if x else nan,
        "cosine": 1.0 if not apart and x else dot / (x * y) if x and y else nan,
    }


def _shape(named: Named, name: str) -> str:
    return "x".join(map(str, named[name].shape)) if name in named else "nothing"


def sha256(w: Tensor) -> str:
    """Fingerprint of the flat weights' bytes, whatever the file they lie in."""
    return hashlib.sha256(w.detach().cpu().contiguous().numpy().tobytes()).hexdigest()
