"""Sizes of parameters and distances between models, layer by layer, in float64."""

import hashlib
import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, linalg

from zowarmup.inspection.facts import Facts

Named = Mapping[str, Tensor]


def norms(named: Named) -> list[Facts]:
    """Name, shape, Euclidean norm and root mean square of each tensor, then of all together."""
    rows = []
    for layer, tensor in {**named, "all": _flat(named.values())}.items():
        norm = linalg.vector_norm(tensor.double()).item()
        rms = norm / max(1, tensor.numel()) ** 0.5
        rows.append({"layer": layer, "shape": list(tensor.shape), "norm": norm, "rms": rms})
    return rows


def distances(a: Named, b: Named) -> list[Facts]:
    """Return |b - a|, |b - a| / |a| and the cosine of a and b in each layer; NaN if a norm is 0.

    A layer that only one model has, or that differs in shape, is listed without numbers.
    """
    names = list(dict.fromkeys((*a, *b)))
    shared = [n for n in names if n in a and n in b and a[n].shape == b[n].shape]
    rows = []
    for n in names:
        if n in shared:
            rows.append({"layer": n} | _distance(_flat([a[n]]), _flat([b[n]])))
        else:
            shapes = ["x".join(map(str, m[n].shape)) if n in m else "nothing" for m in (a, b)]
            rows.append({"layer": n, "differs": " and ".join(shapes)})
    x, y = (_flat([named[n] for n in shared]) for named in (a, b))
    return [*rows, {"layer": "all"} | _distance(x, y)]


def _distance(x: Tensor, y: Tensor) -> Facts:
    distance, norm_x, norm_y = (linalg.vector_norm(v).item() for v in (y - x, x, y))
    cosine = (x @ y).item() / (norm_x * norm_y) if norm_x and norm_y else math.nan
    return {
        "distance": distance,
        "relative": distance / norm_x if norm_x else math.nan,
        "cosine": cosine if distance or not norm_x else 1.0,
    }


def _flat(tensors: Iterable[Tensor]) -> Tensor:
    """All numbers as one float64 vector."""
    return torch.cat([torch.zeros(0).double(), *(tensor.double().flatten() for tensor in tensors)])


def sha256(w: Tensor) -> str:
    """Return a fingerprint of a flat model's bytes, the same whatever file it was read from."""
    return hashlib.sha256(w.detach().cpu().contiguous().numpy().tobytes()).hexdigest()
