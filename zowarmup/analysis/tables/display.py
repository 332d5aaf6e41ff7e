"""Show the numbers of a table to a reader: rounded, in per cent, with intervals in one column."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

NONE = "–"
Format = Callable[[Any], str]


def minus(text: str) -> str:
    """Return the text with a true minus sign; a zero loses its sign."""
    return text.strip("+-") if not text.strip("+-0.") else text.replace("-", "−")


def percent(value: float) -> str:
    """Return a fraction in per cent with one decimal: 0.543 is "54.3"."""
    return minus(f"{100 * value:.1f}")


def signed_percent(value: float) -> str:
    """Return a difference of fractions in percentage points, always with a sign."""
    return minus(f"{100 * value:+.1f}")


def three_digits(value: float) -> str:
    """Return three significant digits."""
    return minus(f"{value:#.3g}".removesuffix("."))


def probability(value: float) -> str:
    """Return a p value as text; below a thousandth its digits say nothing."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def size(value: float) -> str:
    """Return bytes with a decimal (SI) unit."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} B" if unit == "B" else f"{three_digits(value)} {unit}"


def millions(value: float) -> str:
    """Return a count as text, in millions."""
    return three_digits(value / 1e6)


def whole(value: float) -> str:
    """Return a count as text; a mean of counts over seeds keeps one decimal."""
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"


class Column(NamedTuple):
    """The looks of a column, or of several columns that a reader sees as one."""

    heading: str
    format: Format = str
    pattern: str = "{}"  # puts the numbers of this column and of `parts` in one cell
    parts: tuple[str, ...] = ()  # the names of further columns in the cell


def _interval(name: str, heading: str, format_: Format) -> Column:
    return Column(heading, format_, "{} [{}, {}]", (f"{name}_low", f"{name}_high"))


def _with_error(name: str, heading: str) -> Column:
    return Column(heading, three_digits, "{} ± {}", (f"{name}_error",))


COLUMNS = {
    "dataset": Column("data set"),
    "label": Column("method"),
    "split": Column("high/low, %"),
    "pivot": Column("pivot", whole),
    "rounds": Column("rounds", whole),
    "accuracy_mean": Column("accuracy, %", percent, "{} ± {}", ("accuracy_std",)),
    "accuracy_converged": Column("converged, %", percent),
    "accuracy_equal_passes": Column("at equal passes, %", percent),
    "passes": Column("passes, millions", millions),
    "accuracy_min": Column("minimum, %", percent),
    "difference": _interval("difference", "difference [95 %], points", signed_percent),
    "bits_mean": Column("bits per byte", "{:.3f}".format, "{} ± {}", ("bits_std",)),
    "bits_heldout_mean": Column(
        "on held-out text", "{:.3f}".format, "{} ± {}", ("bits_heldout_std",)
    ),
    "bits_change": _interval("bits_change", "change since the pivot [95 %]", "{:+.3f}".format),
    "bits_difference": _interval("bits_difference", "difference [95 %]", "{:+.3f}".format),
    "next_byte": Column("next byte, %", percent),
    "pivot_mean": Column("pivot", whole, "{} ({} to {})", ("pivot_min", "pivot_max")),
    "lr_mean": Column("learning rate", three_digits),
    "regret": _interval("regret", "regret [95 %], points", signed_percent),
    "missing_classes": Column("missing classes", whole),
    "missing_recall": Column("recall on them, %", percent),
    "bytes_up": Column("bytes up", size),
    "bytes_down": Column("bytes down", size),
    "bytes_low_client": Column("bytes of a low-resource client", size),
    "formula_bytes": Column("by formula", size),
    "allocator_peak_bytes": Column("allocator's peak", size),
    "peak_over_formula": Column("peak / formula", "{:.2f}".format),
    "share_of_backprop": Column("of backpropagation, %", percent),
    "resident_growth_bytes": Column("growth of the process", size),
    "tier": Column("of"),
    "up_1": Column("round of phase 1, up / down", size, "{} / {}", ("down_1",)),
    "up_2": Column("round of phase 2, up / down", size, "{} / {}", ("down_2",)),
    "once": Column("once, down", size),
    "formula_up": Column("by formula, up / down", size, "{} / {}", ("formula_down",)),
    "forward_passes": Column("forward passes, millions", millions),
    "backward_passes": Column("backward passes, millions", millions),
    "participation_1": Column("part of clients, phase 1", "{:g}".format),
    "participation_2": Column("part of clients, phase 2", "{:g}".format),
    "lr_1": Column("learning rate, phase 1"),
    "lr_2": Column("learning rate"),
    "model_difference": _interval(
        "model_difference", "difference to first network [95 %], points", signed_percent
    ),
    "cosine_mean": Column("cosine", "{:.4f}".format, "{} ± {}", ("cosine_std",)),
    "cosine_expected": Column("sqrt(P/(P+d))", "{:.4f}".format),
    "cosine_ratio": Column("ratio", "{:.2f}".format),
    "dissimilarity": Column("B^2", "{:.1f}".format),
    "cosine_dissimilar": Column("sqrt(P/(P+B^2 d))", "{:.4f}".format),
    "gradient_square_mean": _with_error("gradient_square", "squared gradient"),
    "start_dissimilarity_mean": _with_error("start_dissimilarity", "B^2"),
    "trace_mean": _with_error("trace", "tr H"),
    "top_mean": _with_error("top", "lambda"),
    "gain_mean": _with_error("gain", "gain"),
    "flat": Column("tr H not positive, seeds", whole),
    "high_mean": Column("High Res Only, %", percent, "{} ± {}", ("high_std",)),
    "mean": Column("accuracy, %", percent),
    "source": Column("what varies"),
    "spread": _interval("spread", "standard deviation [95 %], points", percent),
    "std_ratio": _interval("std_ratio", "std ratio [95 %]", "{:.2f}".format),
    "pitman_morgan_p": Column("p (Pitman-Morgan)", probability),
    "p_over_d": Column("P/d", three_digits),
}
# Columns for programs; readers see the label instead, and the caption says the rest.
HIDDEN = {"method", "role", "variant", "pairs", "trace_vectors", "top_change"}
HIDDEN |= {part for column in COLUMNS.values() for part in column.parts}
# Columns that the caption states once if all rows agree.
SETTING = ("dataset", "model", "rounds", "estimator")


def display(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as texts under the headings for readers; some columns are left out."""
    shown = [c for c in table.columns if c not in HIDDEN and c not in setting(table)]
    return pd.DataFrame({_column(c).heading: _texts(table, c) for c in shown})


def caption(table: pd.DataFrame) -> str:
    """Return the table's caption, followed by the settings that all rows have in common."""
    same = ", ".join(f"{_column(c).heading} {text}" for c, text in setting(table).items())
    return table.attrs["caption"] + (f" All rows: {same}." if same else "")


def setting(table: pd.DataFrame) -> dict[str, str]:
    """Return the settings in which all rows of the table agree."""
    same = [c for c in SETTING if c in table.columns and table[c].nunique(dropna=False) == 1]
    return {c: _texts(table, c)[0] for c in same}


def _column(name: str) -> Column:
    return COLUMNS.get(name, Column(name.replace("_", " "), three_digits))


def _texts(table: pd.DataFrame, name: str) -> list[str]:
    """Return one text per row; a number without interval or spread stands alone."""
    column = _column(name)
    cells = [[_text(value, column) for value in table[c]] for c in (name, *column.parts)]
    rows = zip(*cells, strict=True)
    return [row[0] if NONE in row[1:] else column.pattern.format(*row) for row in rows]


def _text(value: Any, column: Column) -> str:
    if isinstance(value, str):
        return value or NONE
    if pd.isna(value):
        return NONE
    return whole(value) if isinstance(value, int) else minus(column.format(value))
