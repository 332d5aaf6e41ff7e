"""Zeroth-order rounds in which groups of clients share their directions.

    G       number of groups;  m = A / G clients in each, drawn anew in every round
    u_gs    direction s of group g, that of its first client

The scalars of a group add up to those of one client with the group's mean gradient. For clients of
equal size, of which all K take part, in the scaling "unbiased",

    E|g_hat - g|^2 = (d - 1) / (S G) B_G^2 |g|^2,    B_G^2 = 1 + (B^2 - 1) (G - 1) / (K - 1)

with B^2 = mean |g_i|^2 / |g|^2. B_G^2 / G is linear in 1 / G, so no number in between is best: take
G = K if B^2 < K, and G = 1 if B^2 > K. docs/method.md derives it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from zowarmup.algorithms.rounds import State
from zowarmup.algorithms.zo import ZO
from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds, key
from zowarmup.config.phase import AUTO, Groups
from zowarmup.models.directions import Directions, draw, permutations


@dataclass(frozen=True)
class ZOGroups(ZO):
    """A phase of zeroth-order steps whose directions are shared within groups of clients.

    Attributes:
        groups: G; a round with fewer clients has as many groups as clients. "auto" is decided by
            the probes along the warm-up, before the phase begins.
    """

    groups: Groups = 1

    def begin(self, w: torch.Tensor) -> State:
        """As `zo`.

        Raises:
            UserError: all clients are to share their directions as well, or no probes have decided
                the number of groups.
        """
        if self.groups == AUTO:
            raise UserError("zo_groups.groups: auto: no probes decide it here; give a number")
        if self.shared_directions:
            raise UserError(
                "zo_groups.shared_directions: true: groups say who shares directions; leave it "
                "out, and use groups: 1 if all clients are to share them"
            )
        return super().begin(w)

    def directions(
        self, t: int, clients: Sequence[int], d: int, seeds: Seeds, device: torch.device
    ) -> Directions:
        """The round's unit directions, A x S of them, of which G x S differ."""
        firsts = first_of_group(t, clients, int(self.groups), seeds)
        return draw(
            seeds.directions, t, firsts, self.S, d, distribution=self.distribution, device=device
        )


def first_of_group(t: int, clients: Sequence[int], G: int, seeds: Seeds) -> list[int]:
    """The first client of each client's group; the sizes of groups differ by at most 1."""
    order = permutations(key("groups", seeds.directions), (t,), [0], len(clients))[0].tolist()
    group = {place: n % G for n, place in enumerate(order)}
    return [clients[order[group[place]]] for place in range(len(clients))]
