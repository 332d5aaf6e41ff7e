"""How the numbers of a table look to a reader: rounded, in per cent, intervals in one column."""

from collections.abc import Callable
from typing import Any

import pandas as pd

NONE = "–"
Format = Callable[[float], str]


def minus(text: str) -> str:
    """A true minus sign, and no negative zero."""
    return text.removeprefix("-") if not text.strip("-0.") else text.replace("-", "−")


def percent(value: float) -> str:
    """A fraction as per cent with one decimal: 0.543 is "54.3"."""
    return minus(f"{100 * value:.1f}")


def signed_percent(value: float) -> str:
    """A difference of fractions in percentage points, always with its sign."""
    text = percent(value)
    return text if text[0] == "−" or text == "0.0" else f"+{text}"


def three_digits(value: float) -> str:
    """Three significant digits."""
    return minus(f"{value:#.3g}".removesuffix("."))


def decimals(places: int) -> Format:
    """A number with so many decimals."""
    return lambda value: minus(f"{value:.{places}f}")


def probability(value: float) -> str:
    """A p value; below a thousandth the digits say nothing."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def size(value: float) -> str:
    """Bytes with a decimal (SI) unit."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} B" if unit == "B" else f"{three_digits(value)} {unit}"


def millions(value: float) -> str:
    """A large count, in millions."""
    return three_digits(value / 1e6)


def short(value: float) -> str:
    """A setting as it was given."""
    return minus(f"{value:g}")


def whole(value: float) -> str:
    """A count; a mean of counts over seeds keeps one decimal."""
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"


COLUMNS: dict[str, tuple[str, Format]] = {
    "dataset": ("data set", str),
    "label": ("method", str),
    "split": ("high/low, %", str),
    "accuracy_mean": ("accuracy, %", percent),
    "accuracy_std": ("", percent),
    "accuracy_min": ("minimum, %", percent),
    "difference": ("difference [95 %], points", signed_percent),
    "difference_low": ("", signed_percent),
    "difference_high": ("", signed_percent),
    "missing_classes": ("missing classes", whole),
    "missing_recall": ("recall on them, %", percent),
    "bytes_up": ("bytes up", size),
    "formula_bytes": ("by formula", size),
    "allocator_peak_bytes": ("allocator's peak", size),
    "peak_over_formula": ("peak / formula", decimals(2)),
    "share_of_backprop": ("of backpropagation, %", percent),
    "resident_growth_bytes": ("growth of the process", size),
    "bytes_down": ("bytes down", size),
    "bytes_low_client": ("bytes of a low-resource client", size),
    "tier": ("of", str),
    "up_1": ("round of phase 1, up / down", size),
    "down_1": ("", size),
    "up_2": ("round of phase 2, up / down", size),
    "down_2": ("", size),
    "once": ("once, down", size),
    "formula_up": ("by formula, up / down", size),
    "formula_down": ("", size),
    "forward_passes": ("forward passes, millions", millions),
    "backward_passes": ("backward passes, millions", millions),
    "participation_1": ("part of clients, phase 1", short),
    "participation_2": ("part of clients, phase 2", short),
    "lr_1": ("learning rate, phase 1", str),
    "lr_2": ("learning rate", str),
    "model_difference": ("difference to first network [95 %], points", signed_percent),
    "model_difference_low": ("", signed_percent),
    "model_difference_high": ("", signed_percent),
    "cosine_mean": ("cosine", decimals(4)),
    "cosine_std": ("", decimals(4)),
    "cosine_expected": ("sqrt(P/(P+d))", decimals(4)),
    "cosine_ratio": ("ratio", decimals(2)),
    "dissimilarity": ("B^2", decimals(1)),
    "cosine_dissimilar": ("sqrt(P/(P+B^2 d))", decimals(4)),
    "std_ratio": ("std ratio [95 %]", decimals(2)),
    "std_ratio_low": ("", decimals(2)),
    "std_ratio_high": ("", decimals(2)),
    "pitman_morgan_p": ("p (Pitman-Morgan)", probability),
    "effect": ("effect [interval]", decimals(3)),
    "low": ("", decimals(3)),
    "high": ("", decimals(3)),
    "threshold": ("threshold", str),
    "p_over_d": ("P/d", three_digits),
    "p_corrected": ("p, corrected", probability),
    "paper": ("in the paper", str),
}
TOGETHER = {
    "accuracy_mean": ("{} ± {}", "accuracy_std"),
    "difference": ("{} [{}, {}]", "difference_low", "difference_high"),
    "std_ratio": ("{} [{}, {}]", "std_ratio_low", "std_ratio_high"),
    "effect": ("{} [{}, {}]", "low", "high"),
    "model_difference": ("{} [{}, {}]", "model_difference_low", "model_difference_high"),
    "cosine_mean": ("{} ± {}", "cosine_std"),
    "up_1": ("{} / {}", "down_1"),
    "up_2": ("{} / {}", "down_2"),
    "formula_up": ("{} / {}", "formula_down"),
}
# For programs: the reader sees the label, and the caption or the text says the rest.
HIDDEN = {"method", "role", "variant", "pairs", "claim", "claims_sha256", "paper_effect"}
HIDDEN |= {part for _, *parts in TOGETHER.values() for part in parts}


# Said once, below the caption, where all rows agree.
SETTING = ("dataset", "model", "scale", "rounds", "estimator")


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The table as texts, under the headings that a reader sees; may leave columns out."""
    columns = [c for c in table.columns if c not in HIDDEN and c not in setting(table)]
    return pd.DataFrame({_heading(c)[0]: _texts(table, c) for c in columns})


def caption(table: pd.DataFrame) -> str:
    """The table's caption, and what all its rows have in common."""
    same = ", ".join(f"{_heading(c)[0]} {text}" for c, text in setting(table).items())
    return table.attrs["caption"] + (f" All rows: {same}." if same else "")


def setting(table: pd.DataFrame) -> dict[str, str]:
    """The columns that say where the numbers come from, as far as all rows agree in them."""
    here = [c for c in SETTING if c in table.columns and table[c].nunique(dropna=False) == 1]
    return {c: _texts(table, c)[0] for c in here}


def _heading(column: str) -> tuple[str, Format]:
    return COLUMNS.get(column, (column.replace("_", " "), three_digits))


def _texts(table: pd.DataFrame, column: str) -> list[str]:
    pattern, *parts = TOGETHER.get(column, ("{}",))
    cells = [[_text(v, column) for v in table[c]] for c in (column, *parts)]
    return [_join(pattern, texts) for texts in zip(*cells, strict=True)]


def _join(pattern: str, texts: tuple[str, ...]) -> str:
    """Without an interval or a spread the number stands alone."""
    return texts[0] if NONE in texts[1:] else pattern.format(*texts)


def _text(value: Any, column: str) -> str:
    if isinstance(value, str):
        return value or NONE
    if pd.isna(value):
        return NONE
    return whole(value) if isinstance(value, int) else _heading(column)[1](value)
