"""How images of another number type become bytes, as part of a message."""

import numpy as np


def as_bytes(x: np.ndarray) -> str:
    """What to type, by the values: a wrong factor would make images black or wrap their values."""
    if x.dtype.kind == "b":
        return "store it as 255 * x.astype(numpy.uint8)"
    if x.dtype.kind not in "iuf":
        return "store numbers from 0 to 255 as uint8"
    if x.dtype.kind == "f" and (odd := int((~np.isfinite(x)).sum())):
        return f"{odd} of its values are NaN or infinite: replace these first"
    if not x.size:
        return "store it as x.astype(numpy.uint8)"
    low, high = x.min(), x.max()
    return f"its values go from {low:.6g} to {high:.6g}: {_scaled(x.dtype.kind, low, high)}"


def _scaled(kind: str, low: float, high: float) -> str:
    if low < 0:
        return "undo the normalisation, so that black is 0 and white 255, and store that as uint8"
    if high <= 1:
        return "store it as (255 * x).round().astype(numpy.uint8)"
    if high <= 255:
        return f"store it as x{'.round()' * (kind == 'f')}.astype(numpy.uint8)"
    if high <= 65535:
        return (
            "if white is 65535 store it as (x / 257).round().astype(numpy.uint8), else divide by "
            "white / 255"
        )
    return "divide by white / 255, round, and store it with .astype(numpy.uint8)"
