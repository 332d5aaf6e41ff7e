"""Reading a CSV file of this project as a table: the one way for metrics, verdicts and rows."""

import csv
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from zowarmup.common.errors import UserError

MISSING = ["", "nan", "NaN", "NA"]  # where a number belongs


def read(path: str | Path, text: Iterable[str] = ()) -> pd.DataFrame:
    """The rows; empty texts are "", empty numbers NaN.

    Args:
        text: the columns of text, kept as it stands in the file: a method may be called NA, and a
            name or a hash may look like a number. The file may lack some of them.

    Raises:
        UserError: the file has no rows, or is cut short.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        header = pd.Index(next(lines, []))
        widths = set(map(len, lines))
    # pandas would fill a line that is cut short with NaN.
    if widths != {len(header)} or not Path(path).read_bytes().endswith(b"\n"):
        raise UserError(f"{path}: empty or cut short; delete it, and the workflow recreates it")
    words = header.intersection(list(text))
    return pd.read_csv(
        path,
        dtype=dict.fromkeys(words, str),
        keep_default_na=False,
        na_values=dict.fromkeys(header.difference(words), MISSING),
        low_memory=False,
    )
