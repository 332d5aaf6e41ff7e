"""Client drift: how far local training takes the clients' models apart."""

import math
import sys
from collections.abc import Mapping

from torch import Tensor

from zowarmup.algorithms.answers import Answer
from zowarmup.algorithms.rounds import Cohort


def distance(w_i: Tensor, w: Tensor) -> float:
    """|w_i - w|^2, summed in float64."""
    return (w_i - w).double().square().sum().item()


def drift(w: Tensor, mean: Tensor, cohort: Cohort, answers: Mapping[int, Answer]) -> float:
    """sqrt(sum_i p_i |w_i - mean|^2) of the clients that answered.

    No model but the mean is needed: the spread about it is the models' mean squared distance from
    their common start w, less the squared distance of the mean from there.

    Returns:
        The largest float if a model is not finite or a distance is missing, because records hold
        finite numbers only.
    """
    present, total = cohort.only(answers), 0.0
    for client, p_i in zip(present.clients, present.weights, strict=True):
        moved = answers[client].moved
        total += p_i * (math.nan if moved is None else moved)
    square = total - distance(mean, w)
    return math.sqrt(max(0.0, square)) if math.isfinite(square) else sys.float_info.max
