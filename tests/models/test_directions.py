"""Directions are defined bit for bit: golden words, any chunking, fair signs, independent draws."""

import math

import pytest
import torch

from zowarmup.common import seeds
from zowarmup.models import directions

D = 5_000


def unsigned(words):
    return [word % 2**64 for word in words.flatten().tolist()]


def test_words_are_splitmix64():
    """The published reference outputs of splitmix64 for seed 0 and for seed 1234567."""
    zero = directions.words(torch.tensor([0]), 0, 3)
    assert unsigned(zero) == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    other = directions.words(torch.tensor([1234567]), 0, 3)
    assert unsigned(other) == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_word_by_hand_arithmetic():
    """The same generator in Python's unbounded integers, masked to 64 bits after each step."""
    mask = 2**64 - 1
    for key, k in ((5, 0), (2**63 + 11, 7), (seeds.key("x"), 10_000)):
        z = (key + (k + 1) * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        z ^= z >> 31
        got = directions.words(torch.tensor([seeds.signed(key)]), k, k + 1)
        assert unsigned(got) == [z]


def test_keys_are_golden():
    """What the runs of this version were keyed by; a change makes all results incomparable."""
    assert seeds.key("directions", 0) == GOLDEN_KEY
    drawn = directions.draw(0, 1, [0, 1], 2, 70)
    assert unsigned(drawn.keys) == GOLDEN_SIGMAS
    assert "".join("+" if u > 0 else "-" for u in drawn.row(0).tolist()) == GOLDEN_SIGNS


GOLDEN_KEY = 0x815AC03766B6E3EA
GOLDEN_SIGMAS = [
    0xDA933A2D6C7CD68F,
    0xB88A1BCC0802FA8A,
    0xE0E1BD74F50113B8,
    0x9B686135500FF839,
]
GOLDEN_SIGNS = "+++-++-+-+---+-+++--+-+--+-+--+-++--+-+++++++-+--++++--+++-+---+--+--+"


def test_sign_j_is_bit_j_of_the_stream():
    """Sign j belongs to bit j mod 64 of word j div 64 of its own key."""
    keys = torch.tensor([3, -9])
    words = directions.words(keys, 0, 3)
    bits = [[(w >> b) & 1 for w in row for b in range(64)] for row in words.tolist()]
    expected = 2 * torch.tensor(bits).float() - 1
    assert torch.equal(directions.rademacher(keys, 0, 190), expected[:, :190])


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
@pytest.mark.parametrize("chunk", [1, 37, 64, 1000])
def test_any_chunking_gives_the_same_directions(distribution, chunk):
    whole = directions.draw(1, 2, [3, 5], 2, 1500, distribution=distribution)
    parts = [
        whole.part(slice(None), start, min(start + chunk, 1500)) for start in range(0, 1500, chunk)
    ]
    assert torch.equal(torch.cat(parts, dim=1), whole.dense)


def test_long_directions_are_made_in_chunks(monkeypatch):
    """The path for large models gives the bits of the path for small ones."""
    small = directions.draw(0, 1, [0, 1, 2], 3, D)
    expected, rows = small.dense, [small.row(j) for j in range(9)]
    monkeypatch.setattr(directions, "DENSE", 0)
    monkeypatch.setitem(directions.CHUNK, "cpu", 640)
    long = directions.draw(0, 1, [0, 1, 2], 3, D)
    blocks = [torch.stack(list(rows)) for _, rows in long.blocks()]
    assert torch.equal(torch.cat(blocks, dim=1), expected)
    assert all(torch.equal(long.row(j), rows[j]) for j in range(9))
    assert "dense" not in vars(long)


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
@pytest.mark.parametrize(("d", "chunk"), [(D, None), (D, 1), (D, 640), (D, 1000), (300_001, None)])
def test_both_sides_are_the_plain_sums(distribution, d, chunk, monkeypatch):
    """Made piece by piece in one pass, bit for bit w + radius u and w - radius u.

    Short directions that are kept, chunks off the 64 entries of a word, and the true chunks.
    """
    u = directions.draw(5, 2, [1, 8], 2, d, distribution=distribution)
    w, radius = directions.uniform(3, (), [0], d)[0].float() - 0.5, 0.75e-4
    expected = [(w + radius * row, w - radius * row) for row in u.part(slice(None), 0, d)]
    if chunk:
        monkeypatch.setattr(directions, "DENSE", 0)
        monkeypatch.setitem(directions.CHUNK, "cpu", chunk)
    assert u.kept == (chunk is None and d == D)
    sides = torch.empty(2, d)
    for j, (above, below) in enumerate(expected):
        u.both_sides(w, j, radius, sides)
        assert torch.equal(sides[0], above)
        assert torch.equal(sides[1], below)


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_long_directions_do_not_depend_on_threads_or_chunks(distribution, threads, monkeypatch):
    d = 300_001
    whole = directions.draw(1, 1, [0], 1, d, distribution=distribution).part(slice(None), 0, d)[0]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for chunk in (1 << 16, 1 << 18, 100_000, d):
            monkeypatch.setitem(directions.CHUNK, "cpu", chunk)
            u = directions.draw(1, 1, [0], 1, d, distribution=distribution)
            assert torch.equal(u.row(0), whole)
    finally:
        torch.set_num_threads(before)


def test_rademacher_is_fair_and_pairs_are_independent():
    """Signs: mean 0 with variance 1/n; dot products of distinct directions: variance d.

    5 standard deviations: one in two million for a fair generator, and the draw is fixed.
    """
    u = directions.draw(0, 1, range(20), 3, D).dense
    assert abs(u.mean().item()) < 5 / math.sqrt(u.numel())
    products = (u @ u.T)[torch.triu(torch.ones(60, 60), 1).bool()]
    assert products.abs().max() < 5.5 * math.sqrt(D)
    assert products.var().item() == pytest.approx(D, rel=0.15)


def test_gaussian_has_the_moments_of_the_standard_normal():
    u = directions.draw(0, 1, range(20), 3, D, distribution="gaussian").dense.double()
    n = u.numel()
    assert abs(u.mean().item()) < 5 / math.sqrt(n)
    assert abs((u**2).mean().item() - 1) < 5 * math.sqrt(2 / n)
    assert abs((u**4).mean().item() - 3) < 5 * math.sqrt(96 / n)
    assert u.isfinite().all()


def test_directions_depend_on_their_whole_name_and_on_nothing_else():
    def first(seed=0, t=1, clients=(4,), S=1):
        return directions.draw(seed, t, list(clients), S, 640).row(0)

    base = first()
    assert not torch.equal(base, first(seed=1))
    assert not torch.equal(base, first(t=2))
    assert not torch.equal(base, first(clients=[5]))
    assert torch.equal(base, first(clients=[4, 9], S=3))  # whoever else takes part


def test_different_s_are_different_directions_and_shared_ones_are_shared():
    own = directions.draw(0, 1, [0, 1], 3, 640).dense
    assert len(own.unique(dim=0)) == 6
    shared = directions.draw(0, 1, [0, 1], 3, 640, shared=True).dense
    assert len(shared.unique(dim=0)) == 3
    assert torch.equal(shared[:3], shared[3:])


def test_no_global_generator_is_touched():
    before = torch.random.get_rng_state()
    directions.draw(0, 1, [0], 3, 640, distribution="gaussian").dense.sum()
    directions.permutations(1, (2,), [3], 10)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_permutations_are_orders_of_their_own():
    orders = directions.permutations(seeds.key("shuffle", 0), (7,), range(30), 28)
    assert torch.equal(orders.sort(dim=1).values, torch.arange(28).expand(30, 28))
    assert len(orders.unique(dim=0)) == 30
    alone = directions.permutations(seeds.key("shuffle", 0), (7,), [11], 28)
    assert torch.equal(alone[0], orders[11])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cpu_and_cuda_agree_bit_for_bit():
    here = directions.draw(0, 1, range(10), 3, D)
    there = directions.draw(0, 1, range(10), 3, D, device="cuda")
    assert torch.equal(here.dense, there.dense.cpu())


def test_keys_of_different_names_differ():
    names = [("a", 1, 23), ("a", 12, 3), ("a", "1", 23), ("a1", 23), ("a", 1, 23, 0), ("a",)]
    assert len({seeds.key(*name) for name in names}) == len(names)
    with pytest.raises(TypeError, match="integers and texts"):
        seeds.key("a", True)
