"""What methods are called, as a figure can show it: each letter as given, in lines that fit."""

import textwrap

import pandas as pd

CHARACTER = 0.0545  # inches of a letter


def labels(rows: pd.DataFrame) -> dict[str, str]:
    """What each method is called."""
    return {str(k): str(label) for k, label in rows.groupby("method")["label"].first().items()}


def literal(text: str) -> str:
    """The text for matplotlib, which takes what stands between two dollars for mathematics."""
    return text.replace("$", r"\$").replace("\t", " ")  # fonts have no tab


def wrapped(text: str, inches: float, most: int | None = None) -> str:
    """The text in lines of at most so many inches, about; cut after the `most` lines, if given."""
    fitting = max(1, int(inches / CHARACTER))
    lines = [line for whole in text.split("\n") for line in _wrap(whole, fitting)]
    cut = [*lines[:most], "…"] if most is not None and len(lines) > most else lines
    return "\n".join(cut)


def _wrap(line: str, fitting: int) -> list[str]:
    return [line] if len(line) <= fitting else textwrap.wrap(line, fitting) or [""]


def widest(text: str) -> int:
    """Letters of the longest line."""
    return max(map(len, text.split("\n")))
