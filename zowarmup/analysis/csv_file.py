"""Reading a CSV file of this project as a table: the one way for metrics, verdicts and rows."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from zowarmup.common.files import read_rows

MISSING = ["", "nan", "NaN", "NA"]  # where a number belongs


def read(path: str | Path, text: Iterable[str] = ()) -> pd.DataFrame:
    """The rows; empty texts are "", empty numbers NaN.

    Args:
        text: the columns of text, kept as it stands in the file: a method may be called NA, and a
            name or a hash may look like a number. The file may lack some of them.

    Raises:
        UserError: the file has no rows, or is cut short.
    """
    header = pd.Index(read_rows(path)[0])  # pandas would fill a line that is cut short with NaN
    words = header.intersection(list(text))
    return pd.read_csv(
        path,
        dtype=dict.fromkeys(words, str),
        keep_default_na=False,
        na_values=dict.fromkeys(header.difference(words), MISSING),
        low_memory=False,
    )
