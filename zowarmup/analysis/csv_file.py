"""Reading a CSV file of this project as a table: the one way for metrics, verdicts and rows."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

MISSING = ("", "nan", "NaN", "NA")  # where a number belongs


def read(path: str | Path, text: Iterable[str] = ()) -> pd.DataFrame:
    """The rows; empty texts are "", empty numbers NaN.

    Args:
        text: the columns that hold text, as it stands in the file: a method may be called NA, and a
            name or a hash may look like a number. Those that the file lacks are passed over.
    """
    header = pd.read_csv(path, nrows=0).columns
    words = header.intersection(list(text))
    return pd.read_csv(
        path,
        dtype=dict.fromkeys(words, str),
        keep_default_na=False,
        na_values={column: list(MISSING) for column in header.difference(words)},
        low_memory=False,
    )
