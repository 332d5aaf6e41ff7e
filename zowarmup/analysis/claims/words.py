"""Numbers of a verdict as text."""

from math import isnan
from typing import Any

NONE = "–"
CUT = "*"  # marks an interval that is cut at the smallest or largest possible effect
FORMATS_OF_UNITS = {"ratio": ".2f", "points": "+.1f"}  # others: three digits with a sign


def effect(row: Any) -> str:
    """Return a verdict's effect with unit and interval, and the threshold if it is unusual."""
    if isnan(row.effect):
        return NONE
    text = plain_effect(row.effect, row.unit)
    if not (isnan(row.low) or row.low == row.high):  # some counts do not vary
        low, high = (number(value, form_of(row.unit)) for value in (row.low, row.high))
        text += f" [{low}, {high}]{CUT if row.cut else ''}"
    usual = row.threshold == (1 if row.unit == "ratio" else 0)
    return text if usual else f"{text}, threshold {number(row.threshold, 'g')}"


def plain_effect(value: float, unit: str) -> str:
    """Return an effect with its unit."""
    text = number(value, form_of(unit))
    return f"ratio {text}" if unit == "ratio" else f"{text} {unit}"


def p_value(p: float) -> str:
    """Return a p value with two digits."""
    return "< 0.0001" if p < 1e-4 else number(p, ".2g")


def number(value: float, form: str) -> str:
    """Return a number with a minus sign that is as wide as a plus sign; NONE for NaN."""
    return NONE if isnan(value) else f"{value:{form}}".replace("-", "−")


def form_of(unit: str) -> str:
    """Return the format of an effect."""
    return FORMATS_OF_UNITS.get(unit, "+#.3g")
