"""Directions that are drawn together: orthogonal, shared in groups, of low rank."""

import itertools
from collections.abc import Sequence

import pytest
import torch
import toys
from torch import Tensor

from zowarmup.algorithms.estimators.zo_groups import ZOGroups, first_of_group
from zowarmup.algorithms.estimators.zo_low_rank import ZOLowRank
from zowarmup.algorithms.estimators.zo_orthogonal import ZOOrthogonal
from zowarmup.algorithms.rounds import Cohort, RoundRecord
from zowarmup.algorithms.zo import ZO
from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds
from zowarmup.engines.batched import Batched
from zowarmup.engines.layerwise import Layerwise
from zowarmup.engines.plain import Plain
from zowarmup.engines.vmap import Vmap
from zowarmup.models import directions, low_rank_directions
from zowarmup.models.directions import Directions
from zowarmup.models.low_rank_directions import LowRank
from zowarmup.models.orthogonal_directions import orthogonal

SEEDS = Seeds(0, 5, 3)
COHORT = Cohort((0, 1), (6, 10))
CPU = torch.device("cpu")
METHODS = [
    ZOOrthogonal(lr=0.05, S=3, eps=1e-3),
    ZOOrthogonal(lr=0.05, S=5, eps=1e-3, shared_directions=True, distribution="gaussian"),
    ZOGroups(lr=0.05, S=3, eps=1e-3, groups=2),
    ZOGroups(lr=0.05, S=3, eps=1e-3, groups=1),
    ZOLowRank(lr=0.05, S=3, eps=1e-3),
    ZOLowRank(lr=0.05, S=3, eps=1e-3, rank=3, distribution="gaussian"),
]


def engine_of(kind: type = Plain) -> Plain:
    """Two layers of 9 x 5 + 5 and 5 x 4 + 4 parameters, and two clients of 6 and 10 images."""
    return toys.named(6, 10, hidden=5, kind=kind)  # type: ignore[no-any-return]


def drawn(method: ZO, t: int = 1, clients: Sequence[int] = (0, 1), d: int = 74) -> Directions:
    bind = getattr(method, "of_model", None)
    own: ZO = bind(engine_of().model) if bind else method
    return own.directions(t, clients, d, SEEDS, CPU)


def all_signs(d: int) -> Tensor:
    return torch.tensor(list(itertools.product([-1.0, 1.0], repeat=d)))


def estimates(u: Tensor, g: Tensor) -> Tensor:
    """The unbiased estimates of g from each set of directions, (sets, S, d) -> (sets, d)."""
    return ((u @ g)[..., None] * u).mean(1)


# --- all of them ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_any_piece_of_any_rows_gives_the_same_directions(
    method: ZO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of short models, which are kept, and those of long ones, made in pieces."""
    u = drawn(method)
    whole, rows = u.dense, torch.tensor([3, 0, 4])
    assert torch.equal(u.take(rows).dense, whole[rows])
    monkeypatch.setattr(directions, "DENSE", 0)
    for chunk in (1, 7, 64):
        monkeypatch.setitem(directions.CHUNK, "cpu", chunk)
        u = drawn(method)
        assert torch.equal(torch.stack([u.row(j) for j in range(len(whole))]), whole)
        assert torch.equal(u.take(rows).row(1), whole[0])


@pytest.mark.parametrize("method", [*METHODS[:2], *METHODS[4:]], ids=repr)
def test_directions_do_not_depend_on_the_other_clients(method: ZO) -> None:
    """But on round, client and s."""
    assert torch.equal(drawn(method, clients=(1,)).dense, drawn(method).dense[method.S :])
    assert not torch.equal(drawn(method, t=2).dense, drawn(method).dense)


@pytest.mark.parametrize("kind", [Batched, Vmap, Layerwise])
@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_engines_agree(method: ZO, kind: type) -> None:
    """On the losses along the directions, and on their inner products with the gradients."""
    u, w = drawn(method), engine_of().model.initial(1)
    engine, plain = engine_of(kind), engine_of()
    ours, theirs = (e.two_point(w, (0, 1), u, 1e-3) for e in (engine, plain))
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)
    ours, theirs = (e.directional_derivatives(w, (0, 1), u) for e in (engine, plain))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_replay_gives_the_bits_of_every_round(method: ZO) -> None:
    """From records as a journal holds them, and in long directions as well."""
    engine = engine_of()
    bind = getattr(method, "of_model", None)
    own: ZO = bind(engine.model) if bind else method
    states, reports = toys.rounds(own, engine, [COHORT] * 3, SEEDS)
    replica = own.begin(engine.model.initial(1))
    for state, report in zip(states, reports, strict=True):
        assert report.record is not None
        replica = own.apply(replica, RoundRecord.from_json(report.record.to_json()), SEEDS)
        assert torch.equal(replica.w, state.w)


# --- orthogonal directions ------------------------------------------------------------------


@pytest.mark.parametrize("S", [1, 2, 3, 4, 7, 8])
def test_directions_of_a_client_are_orthogonal(S: int) -> None:
    """Exactly in 64 dimensions; in 74 up to the 74 mod n last entries. Two clients' differ."""
    u = drawn(ZOOrthogonal(lr=0.1, S=S), d=64).dense.view(2, S, 64)
    assert torch.equal(u.abs(), torch.ones(2, S, 64))
    assert torch.equal(u[0] @ u[0].T, 64 * torch.eye(S))
    assert (u[0] @ u[1].T).abs().max() < 64
    n = 1 << (S - 1).bit_length()
    longer = drawn(ZOOrthogonal(lr=0.1, S=S)).dense[:S]
    assert (longer @ longer.T - 74 * torch.eye(S)).abs().max() <= min(n // 2, 74 % n)


def test_the_first_direction_is_that_of_zo() -> None:
    """One direction is all there is with S = 1, so the methods are the same."""
    assert torch.equal(drawn(ZOOrthogonal(lr=0.1, S=3)).dense[::3], drawn(ZO(lr=0.1, S=1)).dense)
    shared = drawn(ZOOrthogonal(lr=0.1, S=3, shared_directions=True)).dense
    assert torch.equal(shared[:3], shared[3:])


@pytest.mark.parametrize("S", [1, 2, 3, 4, 8])
def test_error_of_orthogonal_directions(S: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all 2^8 sign vectors D: the mean is g, the mean square error (d - S) / S |g|^2."""
    d, signs = 8, all_signs(8)
    g = torch.tensor([3.0, -1.0, 0.5, 2.0, -2.0, 1.0, 0.0, 4.0])
    given = lambda keys, start, stop, scale: scale * signs[keys, start:stop]  # noqa: E731
    monkeypatch.setitem(directions.DISTRIBUTIONS, "rademacher", given)
    u = orthogonal(Directions(torch.arange(2**d), d, "rademacher"), S)
    found = estimates(u.dense.view(2**d, S, d), g)
    torch.testing.assert_close(found.mean(0), g)
    error = (found - g).square().sum(1).mean()
    torch.testing.assert_close(error, (d - S) / S * g @ g)


def test_error_falls_below_that_of_independent_directions() -> None:
    """By (d - S) / (d - 1), here 4 / 7, over 2,000 rounds of the algorithms themselves."""
    g, errors = torch.linspace(-1, 2, 8), []
    for method in (ZOOrthogonal(lr=0.1, S=4), ZO(lr=0.1, S=4)):
        u = torch.stack([drawn(method, t, (0,), d=8).dense for t in range(1, 2001)])
        errors.append((estimates(u, g) - g).square().sum(1).mean().item())
    assert errors[0] / errors[1] == pytest.approx(4 / 7, rel=0.1)


# --- groups ---------------------------------------------------------------------------------


def test_as_many_groups_as_clients_are_plain_zo() -> None:
    """Also where fewer clients take part than there are groups."""
    clients = (1, 3, 4, 8)
    own = drawn(ZO(lr=0.1), clients=clients).dense
    for groups in (4, 10):
        assert torch.equal(drawn(ZOGroups(lr=0.1, groups=groups), clients=clients).dense, own)
    one = drawn(ZOGroups(lr=0.1, groups=1), clients=clients).dense.view(4, 3, 74)
    assert (one == one[0]).all()
    assert any(torch.equal(one[0], of_client) for of_client in own.view(4, 3, 74))


@pytest.mark.parametrize(("A", "G"), [(10, 3), (10, 5), (7, 2), (3, 3)])
def test_groups_are_drawn_by_chance(A: int, G: int) -> None:
    """Their sizes differ by at most 1; two clients meet in one as often as any two others."""
    clients, together, n = [*range(3, 3 + A)], torch.zeros(A, A), 800
    for t in range(1, n + 1):
        firsts = torch.tensor(first_of_group(t, clients, G, SEEDS))
        sizes = [(firsts == first).sum().item() for first in firsts.unique()]
        assert len(sizes) == G
        assert max(sizes) - min(sizes) <= 1
        assert all(firsts[clients.index(first)] == first for first in firsts.tolist())
        together += firsts[:, None] == firsts
    share = sum(size * (size - 1) for size in sizes) / (A * (A - 1))
    off = together[~torch.eye(A).bool()] / n
    assert (off - share).abs().max() <= 5 * (share * (1 - share) / n) ** 0.5


GRADIENTS = [[1.0, 2.0, -1.0], [0.5, -2.0, 3.0], [-1.0, 1.0, 1.0], [2.0, 0.0, -2.5]]


@pytest.mark.parametrize("G", [1, 2, 4])
def test_error_of_groups(G: int) -> None:
    """(d - 1) / (S G) B_G^2 |g|^2, over 3,000 rounds of the algorithm itself; within 5 %.

    The error of own directions and of shared ones follows with G = 4 and G = 1.
    """
    S, d, g_i = 2, 3, torch.tensor(GRADIENTS)
    g = g_i.mean(0)
    B2 = g_i.square().sum(1).mean() / g.square().sum()
    BG2 = 1 + (B2 - 1) * (G - 1) / 3
    method = ZOGroups(lr=0.1, S=S, groups=G)
    u = torch.stack([drawn(method, t, range(4), d).dense.view(4, S, d) for t in range(1, 3001)])
    found = ((u * g_i[:, None]).sum(-1, keepdim=True) * u).mean((1, 2))
    error = (found - g).square().sum(1).mean().item()
    assert error == pytest.approx(((d - 1) / (S * G) * BG2 * g.square().sum()).item(), rel=0.05)


def test_two_ways_to_share_directions_are_refused() -> None:
    with pytest.raises(UserError, match="use groups: 1"):
        ZOGroups(lr=0.1, shared_directions=True).begin(torch.ones(3))


# --- low rank -------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_rank_and_size_of_a_direction(rank: int) -> None:
    """By parameter: 5 x 9, 5, 4 x 5 and 4. A matrix of rank 1 and a bias hold signs."""
    model = engine_of().model
    for u in drawn(ZOLowRank(lr=0.1, rank=rank)).dense:
        for part in model.views(u):
            if part.dim() == 1 or rank == 1:
                assert (part.abs() == 1).all()
            if part.dim() == 2:
                assert torch.linalg.matrix_rank(part) <= rank
                assert (part * rank**0.5 - (part * rank**0.5).round()).abs().max() < 1e-5


@pytest.mark.parametrize("rank", [1, 2])
def test_error_of_directions_of_low_rank(rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a 2 x 2 matrix G and a bias, over all signs of U, V and the bias: E z z' = 1, so the mean
    is g; the mean square error is (d - 1) |g|^2 + 2 (rank - 1) / rank |G|^2.
    """
    sizes = {11: 2 * rank, 12: 2 * rank, 20: 2}  # of U, V and the bias
    every = all_signs(sum(sizes.values()))
    signs = dict(zip(sizes, every.split([*sizes.values()], dim=1), strict=True))

    def child(keys: Tensor, index: Tensor) -> Tensor:
        """The number of a sign vector times 1,000, and the path of children: 11, 12 or 20."""
        return keys + torch.where(keys % 1000 == 0, 10 * (index + 1), index + 1)

    def given(keys: Tensor, start: int, stop: int, scale: float = 1.0) -> Tensor:
        return scale * signs[int(keys[0]) % 1000][keys // 1000, start:stop]

    monkeypatch.setattr(low_rank_directions, "child", child)
    monkeypatch.setitem(directions.DISTRIBUTIONS, "rademacher", given)
    keys, g = 1000 * torch.arange(len(every)), torch.tensor([3.0, -1.0, 0.5, 2.0, 1.5, -1.0])
    u = LowRank(keys, 6, "rademacher", edges=(0, 4, 6), columns=(2, 0), r=rank).dense
    torch.testing.assert_close(u.T @ u / len(u), torch.eye(6))
    error = (estimates(u[:, None], g) - g).square().sum(1).mean()
    expected = 5 * g @ g + 2 * (rank - 1) / rank * g[:4] @ g[:4]
    torch.testing.assert_close(error, expected)
