"""How values look on an axis."""

import math
from typing import Any

from zowarmup.analysis.tables.display import size

CHARACTER = 0.062  # inches of a letter; an exponent's is 0.7 of it


def thinned(texts: list[str], x: list[float], inch: float, first: list[int]) -> list[str]:
    """The labels without those that would touch others; some come first, then from the left.

    Args:
        inch: how much of the axis that is.
    """
    kept: dict[int, tuple[float, float]] = {}
    for i in [*first, *range(len(x))]:
        base, _, exponent = texts[i].strip("$}").partition("^{")
        half = 0.5 * CHARACTER * inch * (len(base) + 0.7 * len(exponent) + 0.6)
        low, high = x[i] - half, x[i] + half
        if all(high < other_low or low > other_high for other_low, other_high in kept.values()):
            kept[i] = (low, high)
    return [text if i in kept else "" for i, text in enumerate(texts)]


def number(value: Any) -> str:
    """A value on an axis: small powers of ten as such, and infinity as its sign."""
    if isinstance(value, str) or math.isinf(value):
        return value if isinstance(value, str) else "∞"
    power = math.log10(value) if value > 0 else 0.0
    small = abs(power) >= 3 and math.isclose(power, round(power), abs_tol=1e-9)
    plain = f"{value:,.0f}" if value >= 1e4 else f"{value:g}"
    return f"$10^{{{round(power)}}}$" if small else plain


def of_bytes(value: float, place: int = 0) -> str:
    """Bytes with their unit: 1e6 is "1 MB"."""
    return size(value).replace(".00 ", " ").replace(".0 ", " ")


def plain(value: float, place: int = 0) -> str:
    """Without powers of ten: 0.01 is "0.01"."""
    return f"{value:g}"
