"""Cosine between zeroth-order steps and the true gradient, beside the cosine theory expects."""

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells
from zowarmup.analysis.tables.cells import SPLIT, Cell, Table

CAPTION = (
    "Gradient quality: cosine between the step of a zeroth-order round and the true gradient of "
    "the mean training loss of its clients, mean over the evaluated rounds of the phase, then mean "
    "and standard deviation over n seeds. P random directions among d parameters find "
    "sqrt(P/(P+d)) of a gradient that all clients share; ratio is the cosine over that. Where the "
    "clients' gradients differ less is found: sqrt(P/(P+B^2 d)), B^2 being their mean squared "
    "length over that of their mean. Look for: the cosine falls with P/d, and B^2 explains how far "
    "it stays below the first formula. Adam and several local steps do not follow one estimate."
)


def measured(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a cosine: those of zeroth-order rounds.

    Raises:
        MetricsError: there are none.
    """
    if rows["gradient_cosine"].isna().all():
        raise m.MetricsError(
            f"no row of the studies {', '.join(sorted(rows['study'].unique()))} has a "
            "gradient_cosine: give them a method with zeroth-order rounds"
        )
    return rows[rows["gradient_cosine"].notna()]


def expected(rows: pd.DataFrame) -> pd.Series:
    """sqrt(P/(P+d)) of each row: the cosine of a vector with its projection on P directions."""
    P = rows["directions"]
    return (P / (P + rows["d"])).pow(0.5)


def expected_dissimilar(rows: pd.DataFrame) -> pd.Series:
    """sqrt(P/(P + B^2 d)) of each row: with each client's directions tried on its own images."""
    return expected(rows.assign(d=rows["dissimilarity"] * rows["d"]))


def by_seed(rows: pd.DataFrame) -> pd.Series:
    """The mean cosine over the rounds of each seed.

    Raises:
        MetricsError: two runs have the same seed, so the rows are not one cell of a study.
    """
    m.by_seed(m.last_rows(rows))
    return rows.groupby("seed")["gradient_cosine"].mean()


def cosine(cell: Cell) -> dict[str, float]:
    """The measured cosine beside both formulas."""
    seeds, theory = by_seed(cell.rows), expected(cell.rows).iloc[0]
    return {
        "cosine_mean": seeds.mean(),
        "cosine_std": seeds.std(),
        "n": len(seeds),
        "cosine_expected": theory,
        "cosine_ratio": seeds.mean() / theory,
        "dissimilarity": cell.rows["dissimilarity"].mean(),
        "cosine_dissimilar": expected_dissimilar(cell.rows).mean(),
    }


STUDIES = ("main", "width")
table = Table(
    dict.fromkeys(STUDIES, ("d", "method")),
    ("study", *SPLIT, "method", "label"),
    (cells.size, cosine),
    CAPTION,
    rows=measured,
)
