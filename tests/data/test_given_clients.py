"""Federations of the clients that the data name."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zowarmup.data import clients, dataset_file, federation
from zowarmup.data.clients import Clients
from zowarmup.data.federation import FederationError

NAMES = [*"cabcabcabcab", "c"]  # c holds 5 examples, a and b 4 each


def data(
    names: Sequence[Any] | None = NAMES, tiers: dict[Any, str] | None = None
) -> dataset_file.Dataset:
    n = len(NAMES)
    x = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    y = np.arange(n) % 2
    given = None if names is None else clients.clients_of(names, n, "here", tiers)
    arrays = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    return dataset_file.checked("own", arrays, "here", given=given)


def build(given: dataset_file.Dataset, **settings: Any) -> federation.Federation:
    return federation.build(given, **{"clients": "given", "holdout": 0.1, "seed": 0, **settings})


def test_each_client_holds_the_examples_with_its_name() -> None:
    """Ids follow the sorted names; one example each is held out, as of drawn clients."""
    dealt = build(data())
    assert dealt.names == ("a", "b", "c")
    assert [sorted(held) for held in dealt.held] == [
        [1, 4, 7, 10],
        [2, 5, 8, 11],
        [0, 3, 6, 9, 12],
    ]
    assert [len(part) for part in dealt.heldout] == [1, 1, 1]
    assert dealt.alpha is None
    assert dealt.label_counts.sum() == len(NAMES)


def test_the_seed_draws_what_is_held_out_and_nothing_else() -> None:
    one, two = build(data()), build(data(), seed=1)
    assert [h.tolist() for h in one.heldout] != [h.tolist() for h in two.heldout]
    assert [sorted(h) for h in one.held] == [sorted(h) for h in two.held]


def test_high_resource_clients_come_first(tmp_path: Path) -> None:
    """So that a split such as 30/70 takes its clients from these."""
    given = data(tiers={"a": "low", "b": "high", "c": "high"})
    for seed in range(5):
        dealt = build(given, seed=seed)
        assert set(dealt.order[:2]) == {1, 2}
        assert dealt.given_high == (1, 2)
        assert set(dealt.high(0.3)) < {1, 2}
    federation.save(dealt, tmp_path / "federation.json")
    read = federation.load(tmp_path / "federation.json", given)
    assert (read.names, read.given_high, read.alpha) == (("a", "b", "c"), (1, 2), None)


def test_drawn_clients_have_no_names_in_the_file(tmp_path: Path) -> None:
    federation.save(build(data(), clients=2, alpha=1.0), tmp_path / "federation.json")
    saved = json.loads((tmp_path / "federation.json").read_text())
    assert not {"names", "high_count"} & saved.keys()


def test_the_names_are_part_of_the_fingerprint() -> None:
    assert data().sha256 != data(None).sha256 != data(NAMES[::-1]).sha256


def of(*names: Any) -> Clients:
    return clients.clients_of(list(names), len(names), "here: client_train")


def test_numbers_are_sorted_as_numbers() -> None:
    assert of(10, 9, 10).names.tolist() == ["9", "10"]
    assert of("10", "9", "10").names.tolist() == ["10", "9"]


ONE = [*"cabcabcabcac", "d"]
REFUSED: dict[str, tuple[dataset_file.Dataset, dict[str, Any], str]] = {
    "one example": (
        data(ONE),
        {},
        "client d of own holds only 1 training example, and each client",
    ),
    "no clients": (
        data(None),
        {},
        "own does not say who holds what; name the column with `client`",
    ),
    "too many drawn": (
        data(),
        {"clients": 7, "alpha": 1.0},
        "7 clients share only 13 .*set `clients: 6`",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_clients(case: str) -> None:
    given, settings, message = REFUSED[case]
    with pytest.raises(FederationError, match=message):
        build(given, **settings)


def test_without_a_held_out_part_one_example_is_enough() -> None:
    assert build(data(ONE), holdout=0).train_sizes.min() == 1


def test_tiers_that_the_data_do_not_say() -> None:
    with pytest.raises(FederationError, match="`split: given`: the data do not say which clients"):
        _ = build(data()).given_high
    budgets = [{"share": 1.0, "megabytes": 1.0}]
    dealt = build(data(tiers=dict.fromkeys("abc", "high")), memory=budgets)
    with pytest.raises(FederationError, match="do not say"):
        _ = dealt.given_high


@pytest.mark.parametrize("change", [{"names": ["a"]}, {"high_count": 9}, {"high_count": -1}])
def test_a_changed_file_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "federation.json"
    federation.save(build(data(tiers=dict.fromkeys("abc", "high"))), file)
    fields = json.loads(file.read_text()) | change
    del fields["sha256"]
    file.write_text(federation.sealed(fields))
    with pytest.raises(FederationError, match="fit its 3 clients; delete it"):
        federation.load(file)
