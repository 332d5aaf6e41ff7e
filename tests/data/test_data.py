"""Data sets, partition and federation: what is dealt to whom, and what damaged files say.

Where a test needs random numbers they have fixed keys, so a test passes always or never.
"""

import hashlib
import json
import math
import os
import stat
from collections.abc import Callable
from pathlib import Path

import malform as m
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from zowarmup.common import files
from zowarmup.data import dataset_file, federation, partition
from zowarmup.data.arrays import DataError
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.draws import generator
from zowarmup.data.federation import FederationError

MEMORY = [
    {"share": 0.1, "megabytes": 8},
    {"share": 0.3, "megabytes": 0.5},
    {"share": 0.6, "megabytes": 0.2},
]
repeatable = settings(derandomize=True, database=None, deadline=None, max_examples=150)


def save_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(path, allow_pickle=True, **arrays)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return dataset_file.load_source("digits")


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    """A small data set as a user would store it: 40 + 10 colour pictures, five classes."""
    x = generator("test images").integers(0, 256, (50, 6, 7, 3)).astype(np.uint8)
    y = (np.arange(50) % 5).astype(np.uint8)
    return {"x_train": x[:40], "y_train": y[:40], "x_test": x[40:], "y_test": y[40:]}


# --- partition ------------------------------------------------------------------------------


@repeatable
@given(
    labels=st.lists(st.integers(0, 6), min_size=1, max_size=60).map(np.array),
    share=st.floats(0, 1),
    alpha=st.sampled_from([1e-9, 0.01, 0.1, 1, 1e3, 1e9, math.inf]),
    seed=st.integers(0, 2**63),
)
def test_split_deals_equal_disjoint_shares(
    labels: np.ndarray, share: float, alpha: float, seed: int
) -> None:
    clients = 1 + int(share * (len(labels) - 1))
    split = partition.dirichlet_split(labels, clients, alpha, generator("test", seed))
    again = partition.dirichlet_split(labels, clients, alpha, generator("test", seed))
    assert [len(indices) for indices in split] == [len(labels) // clients] * clients
    dealt = np.concatenate(split)
    assert len(set(dealt.tolist())) == len(dealt)
    assert set(dealt.tolist()) <= set(range(len(labels)))
    for indices, same in zip(split, again, strict=True):
        assert (np.diff(indices) > 0).all()
        np.testing.assert_array_equal(indices, same)


def test_split_ends_at_tiny_alpha_with_many_clients(digits: Dataset) -> None:
    """Sizes drawn until each is large enough would never end here; 100 clients get 14 each."""
    for seed in range(20):
        split = partition.dirichlet_split(digits.y_train, 100, 0.01, generator("test", seed))
        assert {len(indices) for indices in split} == {14}


def test_alpha_sets_the_number_of_classes_per_client() -> None:
    """Mean share of a client's largest class: all at alpha -> 0, about 1/C at alpha -> infinity."""
    labels = np.repeat(np.arange(10), 1000)
    largest = {}
    for alpha in (0.001, 0.1, 1.0, 100.0, math.inf):
        split = partition.dirichlet_split(labels, 20, alpha, generator("test", 0))
        counts = partition.count_labels(labels, split, 10)
        largest[alpha] = (counts.max(axis=1) / counts.sum(axis=1)).mean()
    assert sorted(largest.values(), reverse=True) == list(largest.values())
    assert largest[0.001] > 0.8
    assert largest[math.inf] < 0.15


@pytest.mark.parametrize(("alpha", "clients"), [(1e9, 15), (math.inf, 20)])
def test_large_alpha_is_uniform_by_chi_square(alpha: float, clients: int) -> None:
    """Counts of 20 clients x 10 classes against the 50 of each class that a uniform deal expects.

    Rows are multinomial, so 9 degrees of freedom each; a dealt deck (inf) loses 9 more. Outside
    the 1e-6 quantiles the deal is skewed or too regular. With a finite alpha only the first 15
    clients are looked at: the last ones get the leftovers of 19 independent draws, whose class
    totals vary by sqrt(9500 * 0.09) = 29, so they are not uniform however large alpha is.
    """
    labels = np.repeat(np.arange(10), 1000)
    for seed in range(10):
        split = partition.dirichlet_split(labels, 20, alpha, generator("test", seed))
        counts = partition.count_labels(labels, split, 10)[:clients]
        statistic = ((counts - 50.0) ** 2 / 50.0).sum()
        assert chi2.ppf(1e-6, 9 * clients - 9) < statistic < chi2.ppf(1 - 1e-6, 9 * clients)


def test_class_counts_follow_one_by_one_drawing() -> None:
    """One image of class 0 and three of class 1, mix (1/2, 1/2), two images for each client.

    Drawn one by one, class 1 comes twice with probability 1/2 * 1/2; every other course ends with
    one of each, class 0 being exhausted after its first image. So client 0 gets (1, 1) with
    probability 3/4; the other client gets the rest.
    """
    q, rng, n = np.full((2, 2), 0.5), generator("test one by one"), 20_000
    draws = [partition.class_counts(q, np.array([1, 3]), 2, rng) for _ in range(n)]
    assert {tuple(counts.sum(axis=0)) for counts in draws} == {(1, 3)}
    mixed = np.mean([counts[0, 0] == 1 for counts in draws])
    assert abs(mixed - 3 / 4) < 5 * math.sqrt(3 / 16 / n)


def test_a_mix_without_mass_on_what_is_left_takes_what_is_left() -> None:
    """Both clients want only class 0, which has two images: the second gets the other classes."""
    q = np.array([[1.0, 0, 0], [1.0, 0, 0]])
    counts = partition.class_counts(q, np.array([2, 1, 1]), 2, generator("test"))
    np.testing.assert_array_equal(counts, [[2, 0, 0], [0, 1, 1]])


@repeatable
@given(st.integers(0, 100), st.floats(0, 1, exclude_max=True), st.integers(0, 2**63))
def test_held_out_part(n: int, fraction: float, seed: int) -> None:
    indices = 3 * np.arange(n)
    train, heldout = partition.hold_out(indices, fraction, generator("test", seed))
    assert sorted([*train, *heldout]) == indices.tolist()
    assert abs(len(heldout) - fraction * n) <= 1
    assert len(train) >= 1 or n == 0
    assert (len(heldout) >= 1) == (fraction > 0 and n >= 2) or fraction == 0


def test_held_out_part_is_random_and_a_tenth() -> None:
    """Not simply the last tenth: over many draws each image is held out about equally often."""
    times = np.zeros(100)
    for seed in range(1000):
        _, heldout = partition.hold_out(np.arange(100), 0.1, generator("test", seed))
        assert len(heldout) == 10
        times[heldout] += 1
    # Binomial(1000, 1/10) per image: mean 100, standard deviation 9.5.
    assert np.abs(times - 100).max() < 5 * math.sqrt(90)


@repeatable
@given(st.integers(1, 200), st.integers(0, 2**63), st.floats(0, 1), st.floats(0, 1))
def test_tiers_are_nested(clients: int, seed: int, a: float, b: float) -> None:
    order = partition.tier_order(clients, seed)
    assert sorted(order) == list(range(clients))
    few, many = (partition.high_clients(order, f) for f in sorted((a, b)))
    assert many[: len(few)] == few
    assert (len(few) >= 1) == (min(a, b) > 0)


def test_the_first_clients_can_be_the_high_resource_ones(digits: Dataset) -> None:
    """As in the authors' public federated code. Nothing else of the federation depends on it."""
    common = {"clients": 20, "alpha": 0.1, "holdout": 0.1, "seed": 3}
    drawn, first = (
        federation.build(digits, **common, tier_order=rule)  # type: ignore[arg-type]
        for rule in ("random", "first")
    )
    assert first.high(0.3) == (0, 1, 2, 3, 4, 5)
    assert drawn.high(0.3) != first.high(0.3)
    for ours, theirs in zip(drawn.held, first.held, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_tier_sizes_of_the_paper() -> None:
    order = partition.tier_order(50, 0)
    sizes = [len(partition.high_clients(order, f)) for f in (0, 0.001, 0.02, 0.1, 0.3, 0.5, 0.9, 1)]
    assert sizes == [0, 1, 1, 5, 15, 25, 45, 50]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: partition.as_alpha(0), "alpha is 0 but must be a number > 0"),
        (lambda: partition.as_alpha("infinity"), "alpha is 'infinity'"),
        (lambda: partition.as_alpha(math.nan), "alpha is nan"),
        (lambda: partition.as_alpha(True), "alpha is True"),
        (lambda: split_of_ten(11, 0.1), "10 images cannot be dealt to 11 clients"),
        (lambda: split_of_ten(0, 0.1), "10 images cannot be dealt to 0 clients"),
        (lambda: split_of_ten(2, -1), "alpha is -1"),
        (lambda: split_of_ten(2, 1.7e308), "out of range"),
        (lambda: partition.hold_out(np.arange(5), 1.0, generator("test")), "held-out fraction"),
        (lambda: partition.high_clients([0, 1], 1.5), "fraction of high-resource clients is 1.5"),
    ],
)
def test_settings_that_mean_nothing(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def split_of_ten(clients: int, alpha: float) -> list[np.ndarray]:
    return partition.dirichlet_split(np.arange(10) % 3, clients, alpha, generator("test"))


# --- data sets ------------------------------------------------------------------------------


def test_digits(digits: Dataset) -> None:
    assert digits.x_train.shape == (1437, 1, 8, 8)
    assert digits.x_test.shape == (360, 1, 8, 8)
    assert (digits.x_train.dtype, digits.y_train.dtype) == (np.uint8, np.int64)
    assert (digits.classes, digits.scale, digits.x_train.max()) == (10, 16.0, 16)
    x = digits.images("train")
    assert (x.dtype, x.shape) == (np.float32, digits.x_train.shape)
    np.testing.assert_allclose(x.mean(), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(), 1, atol=1e-5)
    expected = (digits.x_test / 16 - digits.mean[0]) / digits.std[0]
    np.testing.assert_allclose(digits.images("test"), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match='not "validation"'):
        digits.images("validation")


def test_layouts_and_label_types_give_one_data_set(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    nchw = {f"x_{p}": arrays[f"x_{p}"].transpose(0, 3, 1, 2) for p in ("train", "test")}
    nchw |= {f"y_{p}": arrays[f"y_{p}"].astype(">i4") for p in ("train", "test")}
    save_npz(tmp_path / "a.npz", arrays)
    np.savez_compressed(tmp_path / "b.npz", allow_pickle=False, **nchw)
    a, b = (dataset_file.load_source(name, tmp_path) for name in "ab")
    assert a.x_train.shape == (40, 3, 6, 7)
    assert a.sha256 == b.sha256
    np.testing.assert_array_equal(a.x_train[3, 2], arrays["x_train"][3, :, :, 2])
    np.testing.assert_allclose(a.mean, (arrays["x_train"] / 255).mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(a.std, (arrays["x_train"] / 255).std(axis=(0, 1, 2)), rtol=1e-6)


def test_grey_images_need_no_channel_axis(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    grey = {k: v[..., 0] if k[0] == "x" else v for k, v in arrays.items()}
    save_npz(tmp_path / "grey.npz", grey)
    assert dataset_file.load_source("grey", tmp_path).x_test.shape == (10, 1, 6, 7)


def test_a_constant_channel_is_normalised_to_zero(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    save_npz(tmp_path / "flat.npz", arrays | {"x_train": np.full_like(arrays["x_train"], 255)})
    assert (dataset_file.load_source("flat", tmp_path).images("train") == 0).all()


def test_data_folder_comes_from_the_environment(
    arrays: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_npz(tmp_path / "mine.npz", arrays)
    monkeypatch.setenv("ZOWARMUP_DATA_DIR", str(tmp_path))
    assert (
        dataset_file.load_source("mine").sha256 == dataset_file.load_source("mine", tmp_path).sha256
    )
    monkeypatch.setenv("ZOWARMUP_DATA_DIR", "")
    for name in ("mine", "cifar10"):
        with pytest.raises(
            DataError, match=rf"{name}\.npz.* set `data_dir` or .*ZOWARMUP_DATA_DIR"
        ):
            dataset_file.load_source(name)


def test_limits_are_nested_and_keep_the_order(digits: Dataset) -> None:
    few, more = (
        dataset_file.load_source("digits", images_train=n, images_test=50) for n in (200, 700)
    )
    rows = [{x.tobytes() for x in d.x_train} for d in (few, more, digits)]
    assert rows[0] < rows[1] < rows[2]
    assert (len(few.y_train), len(more.y_train), len(few.y_test)) == (200, 700, 50)
    every = iter(digits.x_train)
    assert all(any((x == y).all() for y in every) for x in few.x_train)  # a subsequence
    np.testing.assert_array_equal(few.x_test, more.x_test)
    assert few.sha256 != more.sha256 != digits.sha256


@pytest.mark.parametrize("limit", [0, 1438, -1])
def test_limits_out_of_range(limit: int) -> None:
    with pytest.raises(DataError, match=f"images_train is {limit} but x_train has 1437"):
        dataset_file.load_source("digits", images_train=limit)


def test_limit_that_loses_a_class() -> None:
    with pytest.raises(DataError, match=r"digits: y_train has no image of class .* images_train"):
        dataset_file.load_source("digits", images_train=3)


def test_a_file_that_is_missing_or_damaged(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    """Files of other kinds and other arrays: tests/data/test_user_data.py."""
    with pytest.raises(DataError, match=r"nothing.npz: no such file"):
        dataset_file.load_source("nothing", tmp_path)
    save_npz(tmp_path / "own.npz", arrays)
    whole = (tmp_path / "own.npz").read_bytes()
    middle = whole.index(b"x_train") + 500  # inside the pixels
    damaged = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for data, message in (
        (whole[: len(whole) // 2], "not a readable .npz"),
        (damaged, "array x_train cannot be read"),
    ):
        (tmp_path / "own.npz").write_bytes(data)
        with pytest.raises(DataError, match=f"own.npz: {message}"):
            dataset_file.load_source("own", tmp_path)


def test_saved_data_set(digits: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "dataset" / "dataset.npz"
    dataset_file.save(digits, path)
    first = path.read_bytes(), path.with_suffix(".json").read_bytes()
    loaded = dataset_file.load(path)
    assert (loaded.name, loaded.scale, loaded.sha256) == ("digits", 16.0, digits.sha256)
    for key, array in digits.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[key], array, strict=True)
    dataset_file.save(loaded, path)
    assert (path.read_bytes(), path.with_suffix(".json").read_bytes()) == first
    summary = json.loads(first[1])
    assert (summary["name"], summary["classes"], summary["sha256"]) == ("digits", 10, digits.sha256)
    assert summary["shapes"]["x_train"] == [1437, 1, 8, 8]
    assert sum(summary["train_images_per_class"]) == 1437
    assert sorted(os.listdir(path.parent)) == ["dataset.json", "dataset.npz"]


def test_damaged_saved_data_set(digits: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "dataset.npz"
    dataset_file.save(digits, path)
    data = path.read_bytes()
    path.write_bytes(data[:-100])
    with pytest.raises(DataError, match=r"not a readable .npz"):
        dataset_file.load(path)
    path.write_bytes(data[:5000] + bytes([data[5000] ^ 1]) + data[5001:])
    with pytest.raises(DataError, match="array x_train cannot be read"):
        dataset_file.load(path)


def test_fingerprint_sees_every_change(digits: Dataset) -> None:
    """One pixel, one label, a shape, a type, the scale; but not the name."""
    fields = digits.arrays | {"scale": digits.scale}
    pixel, label = digits.x_train.copy(), digits.y_test.copy()
    pixel[0, 0, 0, 0] ^= 1
    label[-1] = (label[-1] + 1) % 10
    changes: list[dict[str, object]] = [
        {},
        {"x_train": pixel},
        {"y_test": label},
        {"x_test": digits.x_test.reshape(360, 1, 4, 16)},
        {"y_test": digits.y_test.astype(np.int32)},
        {"scale": 255.0},
    ]
    prints = [Dataset(name="other", **fields | change).sha256 for change in changes]  # type: ignore[arg-type]
    assert prints[0] == digits.sha256
    assert len(set(prints)) == len(changes)


# --- federation -----------------------------------------------------------------------------


@pytest.fixture
def federated(digits: Dataset) -> federation.Federation:
    return federation.build(digits, clients=20, alpha=0.1, holdout=0.1, seed=0)


@pytest.mark.parametrize("alpha", [0.01, 0.1, 10.0, "infinite"])
def test_federation_deals_each_image_at_most_once(digits: Dataset, alpha: float | str) -> None:
    f = federation.build(digits, clients=50, alpha=alpha, holdout=0.1, seed=3)
    dealt = np.concatenate([*f.train, *f.heldout])
    assert len(np.unique(dealt)) == len(dealt) == 50 * (1437 // 50)
    assert dealt.min() >= 0
    assert dealt.max() < 1437
    assert set(f.train_sizes) == {25}  # 28 images, 2.8 of them to be held out
    assert (f.label_counts.sum(axis=1) == 28).all()
    expected = np.bincount(digits.y_train[f.held[7]], minlength=10)
    np.testing.assert_array_equal(f.label_counts[7], expected)
    assert (f.clients, f.classes) == (50, 10)


def test_federation_tiers(federated: federation.Federation) -> None:
    for fraction, high in ((0.1, 2), (0.5, 10), (0.9, 18)):
        assert len(federated.high(fraction)) == high
        assert set(federated.high(fraction)) < set(range(20))
    assert set(federated.high(0.1)) < set(federated.high(0.5)) < set(federated.high(0.9))
    assert all(type(client) is int for client in federated.high(0.5))  # fit for a seed's name


def test_federation_draws_are_independent(
    digits: Dataset, federated: federation.Federation
) -> None:
    """Another alpha keeps the tiers; another held-out fraction keeps who holds what."""
    other = federation.build(digits, clients=20, alpha=10.0, holdout=0.1, seed=0)
    assert other.order == federated.order
    more = federation.build(digits, clients=20, alpha=0.1, holdout=0.3, seed=0)
    for a, b in zip(more.held, federated.held, strict=True):
        np.testing.assert_array_equal(np.sort(a), np.sort(b))
    another = federation.build(digits, clients=20, alpha=0.1, holdout=0.1, seed=1)
    assert another.order != federated.order
    assert (another.label_counts != federated.label_counts).any()


def test_golden_federation(digits: Dataset, federated: federation.Federation) -> None:
    """What seed 0 stands for; a change here makes every earlier result incomparable."""
    assert federated.order == (7, 2, 8, 19, 6, 10, 4, 12, 11, 17, 13, 0, 9, 15, 14, 16, 3, 18, 1, 5)
    assert federated.label_counts[0].tolist() == [0, 63, 0, 1, 0, 0, 7, 0, 0, 0]
    assert federated.train[0][:5].tolist() == [17, 44, 53, 54, 57]
    assert federated.heldout[0].tolist() == [35, 109, 372, 996, 1038, 1344, 1348]
    assert digits.sha256[:16] == "713fabb4c4cb8e2f"


def test_saved_federation(
    digits: Dataset, federated: federation.Federation, tmp_path: Path
) -> None:
    path = tmp_path / "main" / "0" / "federation.json"
    federation.save(federated, path)
    first = path.read_bytes()
    loaded = federation.load(path, digits)
    federation.save(loaded, path)
    assert path.read_bytes() == first
    fields = json.loads(first)
    stated = fields.pop("sha256")
    plain = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    assert stated == hashlib.sha256(plain.encode()).hexdigest()
    assert first.endswith(b"\n")
    expected = {"version": 2, "clients": 20, "alpha": 0.1, "seed": 0, "budgets": None}
    assert fields | expected == fields
    assert loaded.order == federated.order
    np.testing.assert_array_equal(loaded.label_counts, federated.label_counts, strict=True)
    for a, b in zip(
        loaded.train + loaded.heldout, federated.train + federated.heldout, strict=True
    ):
        np.testing.assert_array_equal(a, b, strict=True)


def test_saved_iid_federation_with_budgets(digits: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "federation.json"
    f = federation.build(digits, clients=10, alpha=math.inf, holdout=0, seed=0, memory=MEMORY)
    federation.save(f, path)
    fields = json.loads(path.read_text())
    assert (fields["alpha"], fields["budgets"]) == ("infinite", list(f.budgets or ()))
    loaded = federation.load(path, digits)
    assert (loaded.alpha, loaded.budgets, loaded.order) == (math.inf, f.budgets, f.order)
    federation.save(loaded, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


ALL, EDITED = "not complete JSON", "sha256 does not match"
BAD: dict[str, tuple[m.Damage, str]] = {
    "truncated": (m.cut(0.5), "not complete JSON .*truncated"),
    "empty": (m.only(b""), ALL),
    "not text": (m.only(b"\xff\xfe\x00"), ALL),
    "nested": (m.only(b"[" * 100_000), ALL),
    "a list": (m.only(b"[]"), "not a federation of version 2"),
    "edited": (m.field("alpha", 0.2), EDITED),
    "nan": (m.field("alpha", math.nan), EDITED),
    "no sha256": (m.field("sha256", m.GONE), EDITED),
    "newer": (m.field("version", 3), "version 2"),
    "older": (m.field("version", 1), "version 2"),
    # with a matching sha256, as a program other than this one might write it
    "held twice": (
        lambda data: m.sealed_field("heldout.0.0", json.loads(data)["train"][5][0])(data),
        "an image is held twice",
    ),
    "too large": (m.sealed_field("train.0.0", 1437), "an image that digits does not have"),
    "negative": (m.sealed_field("train.0.0", -1), "train: 0: .*at least 0"),
    "float": (m.sealed_field("train.0.0", 0.5), "not a federation"),
    "text": (m.sealed_field("train.0", "abc"), "not a federation"),
    "no number": (m.sealed_field("label_counts", 7), "label_counts"),
    "missing key": (m.sealed_field("order", m.GONE), "not a federation: order"),
    "client lost": (m.sealed_field("train.0", m.GONE), "not fit its 19 clients"),
    "no clients": (m.sealed_field("train", []), "not fit its 0 clients"),
    "empty client": (m.sealed_field("train.3", []), "a client has no images to train on"),
    "order": (m.sealed_field("order.0", 99), "its order"),
    "no budgets": (m.sealed_field("budgets", m.GONE), "not a federation: budgets"),
    "budgets of others": (m.sealed_field("budgets", [1.0]), "its budgets do not fit its 20"),
    "budgets out of order": (m.sealed_field("budgets", [1.0] * 19 + [2.0]), "or their order"),
    "negative budget": (m.sealed_field("budgets", [-1.0] * 20), "budgets: 0: .* greater than 0"),
    "budget as text": (m.sealed_field("budgets", ["1"] * 20), "budgets: 0: .* valid number"),
    "labels": (m.sealed_field("label_counts.0.0", 5), "label_counts are not those of digits"),
    "other data": (m.sealed_field("dataset_sha256", "0" * 64), "made from other data"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_federation_file(
    case: str, digits: Dataset, federated: federation.Federation, tmp_path: Path
) -> None:
    change, message = BAD[case]
    path = tmp_path / "federation.json"
    federation.save(federated, path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(
        FederationError, match=f"federation.json: .*{message}.*; delete it"
    ) as error:
        federation.load(path, digits)
    assert "\n" not in str(error.value)


def test_missing_federation(tmp_path: Path) -> None:
    with pytest.raises(FederationError, match=r"none.json: no such file"):
        federation.load(tmp_path / "none.json")


# --- memory budgets -------------------------------------------------------------------------


@pytest.fixture
def budgeted(digits: Dataset) -> federation.Federation:
    return federation.build(digits, clients=20, alpha=0.1, holdout=0.1, seed=0, memory=MEMORY)


def test_shares_of_clients_have_their_budgets(budgeted: federation.Federation) -> None:
    """2, 6 and 12 of 20 clients; the shares need not fall in order of size."""
    assert budgeted.budgets is not None
    assert sorted(budgeted.budgets) == [0.2] * 12 + [0.5] * 6 + [8.0] * 2
    again = partition.deal_budgets(20, MEMORY[::-1], 0)
    assert sorted(again) == sorted(budgeted.budgets)


@repeatable
@given(
    st.integers(1, 200),
    st.lists(st.integers(1, 100), min_size=1, max_size=6),
    st.integers(0, 2**63),
)
def test_every_client_has_a_budget(clients: int, parts: list[int], seed: int) -> None:
    """Rounded ends of the shares: nobody is left over, and no share is off by a client."""
    memory = [{"share": n / sum(parts), "megabytes": i + 1} for i, n in enumerate(parts)]
    dealt = partition.deal_budgets(clients, memory, seed)
    assert len(dealt) == clients
    for part in memory:
        assert abs(dealt.count(part["megabytes"]) - part["share"] * clients) <= 1 + 1e-9


def test_the_richest_become_high_resource_first(
    federated: federation.Federation, budgeted: federation.Federation
) -> None:
    """By hand: budgets 1, 2, 1, 2 turn the order 3, 0, 2, 1 into 3, 1, 0, 2."""
    assert partition.by_budget([3, 0, 2, 1], [1, 2, 1, 2]) == [3, 1, 0, 2]
    budgets = budgeted.budgets or ()
    assert [budgets[client] for client in budgeted.order] == sorted(budgets, reverse=True)
    for level in (8.0, 0.5, 0.2):  # ties stay as they were without budgets
        equal = [client for client in federated.order if budgets[client] == level]
        assert [client for client in budgeted.order if budgets[client] == level] == equal
    assert set(budgeted.high(0.1)) == {k for k in range(20) if budgets[k] == 8}


def test_clients_that_hold_so_many_bytes(budgeted: federation.Federation) -> None:
    """A megabyte is 10^6 bytes, and a budget holds what is exactly as large."""
    sizes = [1, 200_000, 200_001, 500_000, 500_001, 8_000_000, 8_000_001]
    assert [len(budgeted.holding(size)) for size in sizes] == [20, 20, 8, 8, 2, 2, 0]
    assert budgeted.holding(500_001) == budgeted.high(0.1)
    assert budgeted.holding(200_001) == budgeted.high(0.4)


def test_budgets_say_nothing_about_images(
    digits: Dataset, federated: federation.Federation, budgeted: federation.Federation
) -> None:
    """With budgets the same images lie with the same clients; another seed deals others."""
    np.testing.assert_array_equal(budgeted.label_counts, federated.label_counts)
    for a, b in zip(budgeted.train, federated.train, strict=True):
        np.testing.assert_array_equal(a, b)
    other = federation.build(digits, clients=20, alpha=10.0, holdout=0.3, seed=0, memory=MEMORY)
    assert (other.budgets, other.order) == (budgeted.budgets, budgeted.order)
    assert partition.deal_budgets(20, MEMORY, 1) != budgeted.budgets


def test_without_budgets_nobody_knows_who_holds_what(federated: federation.Federation) -> None:
    with pytest.raises(FederationError, match="no memory budgets: add `memory`"):
        federated.holding(1)


def test_shares_that_leave_clients_without_memory() -> None:
    with pytest.raises(ValueError, match=r"add up to 0\.9, not 1"):
        partition.deal_budgets(10, [{"share": 0.9, "megabytes": 1}], 0)


# --- files ----------------------------------------------------------------------------------


def test_atomic_write(tmp_path: Path) -> None:
    """Makes folders, replaces, follows the umask; what fails leaves the old file and no debris."""
    path = tmp_path / "a" / "b.txt"
    files.atomic_write_text(path, "one\r\nü")
    assert path.read_bytes() == b"one\r\n\xc3\xbc"
    files.atomic_write_bytes(path, b"two")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    with pytest.raises(TypeError), files.atomic_file(path) as file:
        file.writelines([b"half", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["b.txt"]


# --- real images ----------------------------------------------------------------------------


def test_real_cifar10(tmp_path: Path) -> None:
    """Known channel statistics of CIFAR-10, and the federation of the paper: 50 x (900 + 100)."""
    folder = os.environ.get("ZOWARMUP_DATA_DIR", "")
    if not (Path(folder) / "cifar10.npz").is_file() or not folder:
        pytest.skip("set ZOWARMUP_DATA_DIR to a folder with cifar10.npz to test on real CIFAR-10")
    cifar = dataset_file.load_source("cifar10", folder)
    assert (cifar.x_train.shape, cifar.x_test.shape) == ((50000, 3, 32, 32), (10000, 3, 32, 32))
    np.testing.assert_allclose(cifar.mean, [0.49140, 0.48216, 0.44653], atol=1e-5)
    np.testing.assert_allclose(cifar.std, [0.24703, 0.24348, 0.26159], atol=1e-5)
    assert np.bincount(cifar.y_train).tolist() == [5000] * 10
    f = federation.build(cifar, clients=50, alpha=0.1, holdout=0.1, seed=0)
    assert set(f.train_sizes) == {900}
    assert {len(indices) for indices in f.heldout} == {100}
    federation.save(f, tmp_path / "federation.json")
    dataset_file.save(cifar, tmp_path / "dataset.npz")
    federation.load(tmp_path / "federation.json", dataset_file.load(tmp_path / "dataset.npz"))
