"""The answers of clients after local zeroth-order steps."""

from torch import Tensor

from zowarmup.algorithms.answers import Answer
from zowarmup.algorithms.client_drift import distance
from zowarmup.algorithms.engine_protocol import Engine, LocalZO
from zowarmup.algorithms.fedavg import visits
from zowarmup.algorithms.rounds import Cohort
from zowarmup.common.seeds import Seeds
from zowarmup.models.directions import Directions


def after_steps(
    w: Tensor,
    t: int,
    cohort: Cohort,
    engine: Engine,
    directions: Directions,
    epochs: int,
    steps: LocalZO,
    seeds: Seeds,
) -> dict[int, Answer]:
    """Take the local steps of a cohort from w in round t; return the answers by client.

    Args:
        directions: in the order (client, step, s).
        epochs: passes over a client's images.
    """
    orders = visits(t, cohort, epochs, seeds)
    local = engine.local_zo_steps(w, cohort.clients, directions, orders, steps)
    return {
        client: Answer(c_i.flatten(), distance(w_i, w))
        for client, (w_i, c_i) in zip(cohort.clients, local, strict=True)
    }
