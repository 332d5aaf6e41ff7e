"""Read a CSV file of this project as a table; metrics, verdicts and rows are all read here."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from zowarmup.common.files import read_rows

MISSING = ["", "nan", "NaN", "NA"]  # texts that mean NaN in a column of numbers


def read(path: str | Path, text: Iterable[str] = ()) -> pd.DataFrame:
    """Return the rows; an empty text is "", an empty number NaN.

    Args:
        text: names of the text columns, whose cells stay as they are in the file: a method may be
            called NA, and a name or a hash may look like a number. Some columns may be missing.

    Raises:
        UserError: the file has no rows, or is cut short.
    """
    header = pd.Index(read_rows(path)[0])  # fails if a line is cut short; pandas would not
    words = header.intersection(list(text))
    return pd.read_csv(
        path,
        dtype=dict.fromkeys(words, str),
        keep_default_na=False,
        na_values=dict.fromkeys(header.difference(words), MISSING),
        low_memory=False,
    )
