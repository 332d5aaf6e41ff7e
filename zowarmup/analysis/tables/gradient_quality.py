"""Table of the cosine between zeroth-order steps and the true gradient, measured and expected."""

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells
from zowarmup.analysis.tables.cells import SPLIT, Cell, Table

CAPTION = (
    "Gradient quality: cosine between the step of a zeroth-order round and the true gradient of "
    "the mean training loss of its clients, mean over the evaluated rounds of the phase, then mean "
    "and standard deviation over n seeds. The estimate from P random directions among d "
    "parameters has a cosine of about sqrt(P/(P+d)) if all clients share one gradient; ratio is "
    "the cosine over that. Where the clients' gradients differ, it is about sqrt(P/(P+B^2 d)), B^2 "
    "being their mean squared length over that of their mean. Look for: the cosine falls with P/d, "
    "and B^2 explains how far plain steps stay below the first formula. Adam and several local "
    "steps do not follow one estimate."
)


def measured(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a cosine, which only zeroth-order rounds have.

    Raises:
        MetricsError: no row has a cosine.
    """
    if rows["gradient_cosine"].isna().all():
        raise m.MetricsError(
            f"no row of the studies {', '.join(sorted(rows['study'].unique()))} has a "
            "gradient_cosine; add a method with zeroth-order rounds to these studies"
        )
    return rows[rows["gradient_cosine"].notna()]


def expected(rows: pd.DataFrame) -> pd.Series:
    """Return sqrt(P/(P+d)) per row, the cosine of a vector and its estimate from P directions.

    The estimate is the mean of the directions, each times its inner product with the vector; the
    projection on their span would have the cosine sqrt(P/d).
    """
    P = rows["directions"]
    return (P / (P + rows["d"])).pow(0.5)


def expected_dissimilar(rows: pd.DataFrame) -> pd.Series:
    """Return sqrt(P/(P + B^2 d)) per row, for clients that try directions on their own images."""
    return expected(rows.assign(d=rows["dissimilarity"] * rows["d"]))


def by_seed(rows: pd.DataFrame) -> pd.Series:
    """Return the mean cosine of each seed over its rounds.

    Raises:
        MetricsError: two runs have the same seed, so the rows are not one cell of a study.
    """
    m.by_seed(m.last_rows(rows))
    return rows.groupby("seed")["gradient_cosine"].mean()


def cosine(cell: Cell) -> dict[str, float]:
    """Return the measured cosine and the values of both formulas."""
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


table = Table(
    {"main": ("d", "method")},
    ("study", *SPLIT, "method", "label"),
    (cells.size, cosine),
    CAPTION,
    rows=measured,
)
