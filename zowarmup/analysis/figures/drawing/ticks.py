"""The labels of values on an axis."""

import math
from typing import Any

from matplotlib.axis import Axis
from matplotlib.ticker import EngFormatter, Formatter, LogLocator

CHARACTER = 0.062  # inches of a letter; an exponent's is 0.7 of it
BYTES = EngFormatter("B")


def decades(axis: Axis, form: str | Formatter = "{x:g}") -> None:
    """Label a logarithmic axis; one of few decades at 1, 2 and 5 of each, not at 1 alone."""
    low, high = axis.get_view_interval()
    if high < 20 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(form)
    axis.set_minor_formatter("")


def number(value: Any) -> str:
    """A value on an axis: small and large powers of ten as such, and infinity as its sign."""
    if isinstance(value, str) or math.isinf(value):
        return value if isinstance(value, str) else "∞"
    power = math.log10(value) if value > 0 else 0.0
    if abs(power) >= 3 and math.isclose(power, round(power), abs_tol=1e-9):
        return f"$10^{{{round(power)}}}$"
    return f"{value:,.0f}" if value >= 1e4 else f"{value:g}"


def thinned(texts: list[str], x: list[float], inch: float, first: list[int]) -> list[str]:
    """The labels, empty where one would touch another.

    Args:
        x: their positions.
        inch: length of an inch in units of the axis.
        first: indices of labels that stay; then the others follow from the left.
    """
    kept: dict[int, tuple[float, float]] = {}
    for i in [*first, *range(len(x))]:
        line = max(texts[i].split("\n"), key=len)
        base, _, exponent = line.strip("$}").partition("^{")
        half = 0.5 * CHARACTER * inch * (len(base) + 0.7 * len(exponent) + 0.6)
        low, high = x[i] - half, x[i] + half
        if all(high < other_low or low > other_high for other_low, other_high in kept.values()):
            kept[i] = (low, high)
    return [text if i in kept else "" for i, text in enumerate(texts)]
