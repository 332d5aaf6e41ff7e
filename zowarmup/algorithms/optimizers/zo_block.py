"""Zeroth-order rounds whose directions lie in one layer each, allotted by importance.

    pi_b    probability of block b, see optimizers.blocks;  a_j = p_i c_is / (S pi_b)
    q_b     scale^2 sum of a_j^2 over the directions in block b: the mean square of an entry there
    v_b     moving average of q_b, as v in optimizers.scalar_moment
    N_b     sqrt(v_b / (1 - beta2^t)), the typical size of an entry of block b

    w <- w - lr sum_j a_j z_j / N_b

pi of a round follows from the scalars of the rounds before; the record holds it with the blocks'
places, so that a step needs its record alone. Everybody who has the earlier records has pi, so it
costs no bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from zowarmup.algorithms.augmentation import moves
from zowarmup.algorithms.engine_protocol import Engine
from zowarmup.algorithms.optimizers.blocks import allocation, allotted, edges_of, means
from zowarmup.algorithms.optimizers.scalar_moment import NU, V
from zowarmup.algorithms.optimizers.zo_average import Kept, ZOAverage, counted
from zowarmup.algorithms.rounds import Cohort, Report, RoundRecord, State
from zowarmup.algorithms.zo import coefficients, make_record, step
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import Decay, Share
from zowarmup.models.directions import Directions

G = "G"  # the name of the blocks' mean squared scalars


@dataclass(frozen=True)
class ZOBlock(ZOAverage):
    """A phase of zeroth-order steps along directions in one layer each.

    Attributes:
        floor: share of the probability that is spread equally over the layers.
        memory: decay of the mean squared scalars from which pi follows.
        normalise: "none"; "block" divides each layer's part of the step by its typical size, so
            that lr is about the move of each weight; "scalar" divides by one size for all.
        beta2: decay of the second moments.
    """

    floor: Share = 0.2
    memory: Decay = 0.9
    normalise: Literal["none", "scalar", "block"] = "none"
    beta2: Decay = 0.99

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Take one step, which the record determines."""
        edges = edges_of(engine.model)
        pi = allocation(state.server.get(G, torch.empty(0)).cpu(), edges, self.floor)
        w = state.iterate
        directions = self._in_blocks(t, cohort.clients, edges, pi, seeds, w.device)
        engine = engine.with_moves(moves(self.augment, t, seeds))
        scalars = self.scalars(w, cohort, engine, directions)
        record = make_record(t, cohort, scalars, self.rate(state))
        record = replace(record, edges=edges, pi=pi)
        return self.step(state, record, directions), self.report(cohort, record)

    def apply(self, state: State, record: RoundRecord, seeds: Seeds) -> State:
        """Take the step of a recorded round, from the record and the seeds alone."""
        edges, pi = record.edges or [], record.pi or []
        device = state.w.device
        directions = self._in_blocks(record.round, record.clients, edges, pi, seeds, device)
        return self.step(state, record, directions)

    def _in_blocks(
        self,
        t: int,
        clients: Sequence[int],
        edges: Sequence[int],
        pi: Sequence[float],
        seeds: Seeds,
        device: torch.device,
    ) -> Directions:
        """The round's directions, each 0 outside of its block."""
        whole = self.directions(t, clients, edges[-1], seeds, device)
        drawn = self.S if self.shared_directions else len(whole.keys)
        blocks = allotted(t, drawn, pi, seeds).repeat(len(whole.keys) // drawn)
        spans = torch.tensor(edges).unfold(0, 2, 1)[blocks].to(device)
        return replace(whole, spans=spans)

    def move(
        self, state: State, record: RoundRecord, directions: Directions
    ) -> tuple[Tensor, Kept]:
        """The next iterate, and the mean squared scalars and moments after the step."""
        assert directions.spans is not None
        edges = torch.tensor(record.edges)
        blocks = (
            torch.searchsorted(edges, directions.spans[:, 0].contiguous().cpu(), right=True) - 1
        )
        pi = torch.tensor(record.pi, dtype=torch.float64)
        a = torch.tensor(coefficients(record, self.S), dtype=torch.float64) / pi[blocks]
        kept = {G: self._squares(state, record, blocks, len(pi))}
        if self.normalise != "none":
            kept[V] = self._moments(state, a, blocks, edges)
            N = (kept[V] / (1 - self.beta2 ** (counted(state) + 1))).sqrt() + NU
            a = a / N[blocks]
        w = step(state.iterate, a.tolist(), directions, scale=self.scale, lr=record.lr)
        return w, kept

    def _squares(self, state: State, record: RoundRecord, blocks: Tensor, B: int) -> Tensor:
        """G after the round; dropped clients do not count."""
        c = torch.tensor(record.scalars, dtype=torch.float64).flatten()
        counts = torch.tensor(record.weights).repeat_interleave(self.S) > 0
        new = means(c[counts].square(), blocks[counts], B)
        before = state.server[G].cpu() if G in state.server else torch.full_like(new, torch.nan)
        mixed = self.memory * before + (1 - self.memory) * new
        return torch.where(before.isnan(), new, torch.where(new.isnan(), before, mixed))

    def _moments(self, state: State, a: Tensor, blocks: Tensor, edges: Tensor) -> Tensor:
        """v_b after the step, (B,) float64; equal numbers if one size counts for all."""
        d = edges.diff().double()
        if self.shared_directions:
            a, blocks = a.view(-1, self.S).sum(0), blocks[: self.S]
        q = self.scale**2 * torch.zeros_like(d).index_add(0, blocks, a.square())
        if self.normalise == "scalar":
            q = torch.full_like(d, ((d * q).sum() / d.sum()).item())
        before = state.server[V].cpu() if V in state.server else torch.zeros_like(d)
        return self.beta2 * before + (1 - self.beta2) * q
