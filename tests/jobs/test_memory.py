"""Memory of a client: the formulas by hand, and the allocator's peak against them."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from small_runs import job_spec
from torch import Tensor, nn

from zowarmup.analysis.tables import costs, write
from zowarmup.common.errors import UserError
from zowarmup.data import dataset_file, federation
from zowarmup.engines.layerwise import Layerwise
from zowarmup.engines.plain import Plain
from zowarmup.jobs import memory as job_memory
from zowarmup.models import directions, layerwise, memory
from zowarmup.models.flat import FlatModel
from zowarmup.training import context

CIFAR = (3, 32, 32)
SETTINGS = {
    "shape": [*CIFAR],
    "classes": 10,
    "batch": 64,
    "device": "cpu",
    "threads": 1,
}


@pytest.fixture(scope="module")
def resnet18() -> FlatModel:
    return context.model("resnet18", CIFAR, 10)


def two_layers() -> FlatModel:
    """4-3-2: 15 + 8 = 23 parameters."""
    return FlatModel(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)))


# --- formulas -------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 7])
def test_what_two_layers_save_for_backward(n: int) -> None:
    """Of each image its 4 numbers, the 3 behind the relu (once, though two layers want them), 2
    log-probabilities, the label of 8 bytes; and the one number that the loss divides by.
    """
    saved = 4 * (4 + 3 + 2) * n + 8 * n + 4
    assert memory.saved(two_layers(), (1, 2, 2), n) == saved
    assert memory.backprop(two_layers(), (1, 2, 2), n) == 8 * 23 + saved
    assert memory.backprop(two_layers(), (1, 2, 2), n, momentum=True) == 12 * 23 + saved


@pytest.mark.parametrize("n", [1, 7, 100])
def test_what_is_alive_in_two_layers(n: int) -> None:
    """The images are, all the time. With them, in turn: 3 out of the first layer; these and 3 out
    of the relu; these and 2 out of the second layer, the former 3 being gone. Layer by layer there
    are 15 parameters of the first layer in the first of these moments, 8 in the last.
    """
    first, relu, second = (4 + 3) * n, (4 + 3 + 3) * n, (4 + 3 + 2) * n
    assert memory.inference(two_layers(), (1, 2, 2), n) == 4 * (23 + max(first, relu, second))
    expected = 23 + 23 + max(first + 15, relu, second + 8)
    assert memory.zeroth_order(two_layers(), (1, 2, 2), n) == 4 * expected


def test_a_convolution_has_its_output_twice() -> None:
    """4 numbers in, 8 out, and 8 of them in another layout, beside the two weights."""
    model = FlatModel(nn.Sequential(nn.Conv2d(1, 2, 1, bias=False)))
    assert memory.inference(model, (1, 2, 2), 1) == 4 * (2 + 4 + 8 + 8)


@pytest.mark.parametrize("n", [1, 64])
def test_resnet18_saves_four_point_seven_megabytes_an_image(resnet18: FlatModel, n: int) -> None:
    """Tensors that a convolution, a norm or a relu keeps: 10 of 64 x 32 x 32, 9 of 128 x 16 x 16,
    9 of 256 x 8 x 8, 9 of 512 x 4 x 4, with the image 1,174,528 numbers. Then 2 statistics of 2
    groups of 20 norms, 512 averages, 10 log-probabilities, a label, and one number of the loss.
    """
    of_image = 10 * 64 * 1024 + 9 * 128 * 256 + 9 * 256 * 64 + 9 * 512 * 16 + 3 * 1024
    assert of_image == 1_174_528
    saved = 4 * (of_image + 80 + 512 + 10) * n + 8 * n + 4
    assert memory.saved(resnet18, CIFAR, n) == saved
    assert memory.backprop(resnet18, CIFAR, n) == 8 * 11_173_962 + saved


def test_resnet18_image_by_image_needs_little_more_than_its_weights(
    resnet18: FlatModel,
) -> None:
    """The largest layer is 512 x 512 x 3 x 3; the rest is a piece of direction and one image."""
    most = 4 * (11_173_962 + 512 * 512 * 9 + layerwise.CHUNK)
    assert most < memory.zeroth_order(resnet18, CIFAR, 1) < 1.01 * most


def test_low_clients_need_less(resnet18: FlatModel) -> None:
    need = [memory.zeroth_order(resnet18, CIFAR, n) for n in (1, 8, 64)]
    assert need == sorted(need)
    assert 2 * need[-1] < memory.backprop(resnet18, CIFAR, 64)


# --- measurement ----------------------------------------------------------------------------


def test_the_allocators_peak_is_exact() -> None:
    """4000 bytes; gone, then 2000 and 2400 at once, which is more; then fewer again."""

    def work() -> Tensor:
        first = torch.empty(1000)
        del first
        second, third = torch.empty(500), torch.empty(600)
        del second
        return third

    assert job_memory.allocator_peak(work, torch.device("cpu")) == 4400


def test_the_resident_set_grows_by_what_is_touched() -> None:
    growth = job_memory.resident_growth(lambda: torch.ones(16_000_000))
    if growth is None:
        pytest.skip("this system does not tell how large a process is")
    assert 60e6 < growth < 100e6


@pytest.mark.parametrize(("role", "images"), [("high", 64), ("low", 64), ("low1", 2)])
def test_the_allocator_agrees_with_the_formula(role: str, images: int, tmp_path: Path) -> None:
    """Within 15 %, though nothing in the formula knows what torch allocates."""
    path = tmp_path / "memory.json"
    job_memory.measure(SETTINGS | {"batch": images}, "resnet18", role, "digest", path)
    found = json.loads(path.read_text())
    assert (found["role"], found["model"], found["code"]) == (
        role,
        "resnet18",
        "digest",
    )
    assert (found["d"], found["images"]) == (11_173_962, images)
    assert found["batch"] == (1 if role == "low1" else 64)
    assert found["allocator_peak_bytes"] == pytest.approx(found["formula_bytes"], rel=0.15)
    assert {"versions", "hardware", "resident_growth_bytes"} <= set(found)


def test_a_probe_makes_no_second_copy_of_a_layer() -> None:
    """One layer of a million weights: 4 MB of them, 4 MB perturbed, and pieces; not 4 MB more."""
    model = FlatModel(nn.Sequential(nn.Flatten(), nn.Linear(1024, 1024, bias=False)))
    formula, two_point = job_memory.low(model, job_memory._data((1, 32, 32), 1, "cpu", None), 1)
    assert formula == pytest.approx(2 * 4 * 2**20, rel=0.05)
    assert job_memory.allocator_peak(two_point, torch.device("cpu")) == pytest.approx(
        formula, rel=0.05
    )


@pytest.mark.bits
@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
def test_pieces_of_a_direction_change_no_bit(
    distribution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layerwise, "CHUNK", 100)  # off the 64 entries of a word, and off layers
    model = context.model("cnn", (3, 8, 8), 5)
    w, data = model.initial(0), [job_memory._data((3, 8, 8), 7, "cpu", None)]
    u = directions.draw(0, 1, [0], 2, model.d, distribution=distribution)
    expected = Plain(model, data, 3).two_point(w, (0,), u, radius=1e-3)
    assert torch.equal(Layerwise(model, data, 3).two_point(w, (0,), u, radius=1e-3), expected)


def test_unknown_role(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no role middle; use one of high, low, low1"):
        job_memory.measure(SETTINGS, "mlp", "middle", "digest", tmp_path / "memory.json")


# --- tiers ----------------------------------------------------------------------------------


def of_budgets(megabytes: float, batch: int = 4) -> context.Context:
    """Ten clients, three of them with so much memory, on the network with 2,410 parameters."""
    data = dataset_file.load_source("digits", images_train=200, images_test=50)
    budgets = [
        {"share": 0.3, "megabytes": megabytes},
        {"share": 0.7, "megabytes": 0.001},
    ]
    dealt = federation.build(data, clients=10, alpha=0.5, holdout=0.1, seed=0, memory=budgets)
    step = {"batch": batch, "momentum": False}
    spec = job_spec(engine={"name": "plain"}, split="memory", backprop=step)
    return context.assemble(spec, data, dealt)


def test_clients_that_hold_backpropagation_are_high_resource() -> None:
    """8 bytes for each parameter and, of 4 images, 64 + 32 + 10 numbers and a label, and 4 bytes:
    21,012 bytes in all.
    """
    need = 8 * 2410 + 4 * 4 * (64 + 32 + 10) + 4 * 8 + 4
    assert need == 21_012
    tiers = of_budgets(need / 1e6).tiers
    assert [len(tiers[tier]) for tier in ("high", "low", "all")] == [3, 7, 10]
    assert sorted(tiers["high"] + tiers["low"]) == list(tiers["all"])
    for short in (
        lambda: of_budgets(need / 1e6 - 1e-6),
        lambda: of_budgets(need / 1e6, batch=5),
    ):
        with pytest.raises(UserError, match="no client has the"):
            short()


# --- table ----------------------------------------------------------------------------------


def measured(role: str, formula: int, peak: int, resident: int | None) -> dict[str, Any]:
    return {
        "model": "resnet18",
        "role": role,
        "d": 100,
        "batch": 64,
        "device": "cpu",
        "formula_bytes": formula,
        "allocator_peak_bytes": peak,
        "resident_growth_bytes": resident,
        "versions": {"torch": "2.0"},
        "hardware": {"processor": "A chip", "accelerator": None},
    }


def test_table() -> None:
    """Rows in the order of the roles: 388 of 400 bytes are 0.97, 97 of 388 a quarter."""
    found = costs.memory(
        pd.DataFrame(),
        [measured("low", 100, 97, None), measured("high", 400, 388, 500)],
    )
    assert list(found["role"]) == ["high", "low"]
    assert list(found["peak_over_formula"]) == [0.97, 0.97]
    assert list(found["share_of_backprop"]) == [1.0, 0.25]
    assert found["resident_growth_bytes"].isna().tolist() == [False, True]
    assert "on A chip (torch 2.0)" in found.attrs["caption"]
    for form in write.FORMATS.values():
        assert "388" in form(found)


def test_table_without_backpropagation_has_nothing_to_compare_with() -> None:
    found = costs.memory(pd.DataFrame(), [measured("low1", 100, 97, 99)])
    assert found["share_of_backprop"].isna().all()


def test_table_of_nothing() -> None:
    with pytest.raises(UserError, match=r"name a network in `memory\.models`"):
        costs.memory(pd.DataFrame(), [])
