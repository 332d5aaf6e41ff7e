"""Read the probes along warm-ups, and estimate from them what a zeroth-order round can gain."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from zowarmup.analysis import csv_file

Labels = Mapping[str, Mapping[str, object]]  # file -> data set, model, split, alpha, seed, ...


def read(files: Labels) -> pd.DataFrame:
    """Return the rows of all files, each with the labels of its file.

    Raises:
        UserError: a file has no rows, or is cut short.
    """
    rows = [csv_file.read(file).assign(**labels) for file, labels in files.items()]
    probes = pd.concat(rows, ignore_index=True)
    return probes.assign(alpha=probes["alpha"].replace("infinite", np.inf).astype(float))


def gain(probes: pd.DataFrame) -> pd.Series:
    """Return the best expected gain of a round by each probe; NaN if no curvature bounds it.

    See plan.pivots.estimate; the column `directions` holds P.
    """
    noise = probes["dissimilarity"] * probes["trace"].clip(lower=0) / probes["directions"]
    bound = probes["curvature"] + noise
    return probes["gradient_square"] / (2 * bound.where(bound > 0, np.nan))
