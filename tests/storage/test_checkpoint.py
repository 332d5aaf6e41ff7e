"""Checkpoints: equal states are equal bytes, and a file that cannot be used is one clear error."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from zowarmup.algorithms.rounds import State
from zowarmup.models.flat import FlatModel
from zowarmup.storage import checkpoint
from zowarmup.storage.checkpoint import About, CheckpointError
from zowarmup.training import context as contexts

ABOUT = About(model="mlp", width=1.0, shape=(1, 8, 8), classes=10, round=7)


@pytest.fixture(scope="module")
def model() -> FlatModel:
    return contexts.model("mlp", (1, 8, 8), 10)


@pytest.fixture(scope="module")
def pivot(model: FlatModel) -> Tensor:
    return model.initial(3)


def test_equal_states_are_equal_bytes(model: FlatModel, pivot: Tensor, tmp_path: Path) -> None:
    """Whatever memory the vector lies in, and whenever it is written."""
    strided = torch.stack([pivot, pivot], dim=1)[:, 0]
    for name, w in (("a", pivot), ("b", strided), ("c", pivot.clone().requires_grad_())):
        checkpoint.save(tmp_path / name, model, State(w), ABOUT)
    contents = {(tmp_path / name).read_bytes() for name in "abc"}
    assert len(contents) == 1


def test_a_checkpoint_comes_back_bit_for_bit(model: FlatModel, tmp_path: Path) -> None:
    w = model.initial(0)
    w[:3] = torch.tensor([math.nan, -0.0, math.inf])
    checkpoint.save(tmp_path / "w", model, State(w), ABOUT)
    back = checkpoint.weights(tmp_path / "w", model)
    assert torch.equal(back.view(torch.int32), w.view(torch.int32))


def test_what_the_server_keeps_comes_back_beside_the_model(
    model: FlatModel, pivot: Tensor, tmp_path: Path
) -> None:
    """And changes nothing for who wants the model alone."""
    kept = {"m": torch.randn(2410, generator=torch.Generator()), "steps": torch.tensor(7)}
    checkpoint.save(tmp_path / "w", model, State(pivot, kept), ABOUT)
    back = checkpoint.load(tmp_path / "w")
    assert torch.equal(back.server["m"], kept["m"])
    assert back.server["steps"].dtype == torch.int64
    assert back.server["steps"].item() == 7
    assert set(back.server) == set(kept)
    assert list(back.named) == model.names
    assert torch.equal(checkpoint.weights(tmp_path / "w", model), pivot)


def test_there_is_one_metadata_key_without_time_or_place(
    model: FlatModel, pivot: Tensor, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path / "w", model, State(pivot), ABOUT)
    content = (tmp_path / "w").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert list(header["__metadata__"]) == ["zowarmup"]
    text = header["__metadata__"]["zowarmup"]
    facts = json.loads(text)
    assert text == json.dumps(facts, sort_keys=True, separators=(",", ":"))
    assert set(facts) == {"format", "names", *About.model_fields} - {"network"}
    assert {name: tuple(header[name]["shape"]) for name in facts["names"]} == dict(
        zip(model.names, model.shapes, strict=True)
    )


@pytest.mark.parametrize("length", [0, 7, 8, 100, 1000, 9000, -1])
def test_a_truncated_checkpoint_is_one_clear_error(
    model: FlatModel, pivot: Tensor, tmp_path: Path, length: int
) -> None:
    file = tmp_path / "w"
    checkpoint.save(file, model, State(pivot), ABOUT)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(CheckpointError) as caught:
        checkpoint.weights(file, model)
    assert str(caught.value).startswith(f"{file}: cannot be read (")
    fix = "delete the file (for a snapshot, its whole folder), and Snakemake recreates it"
    assert str(caught.value).endswith(fix)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_model_is_a_clear_error(
    model: FlatModel, pivot: Tensor, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path / "w", model, State(pivot), ABOUT)
    for name, shape in (("cnn", (1, 8, 8)), ("mlp", (3, 8, 8))):
        other = contexts.model(name, shape, 10)
        with pytest.raises(CheckpointError, match=r"w: .* the checkpoint is of another network$"):
            checkpoint.weights(tmp_path / "w", other)


def test_a_lost_or_foreign_checkpoint_is_a_clear_error(model: FlatModel, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    with pytest.raises(
        CheckpointError, match="no such checkpoint; run Snakemake, which creates it"
    ):
        checkpoint.load(tmp_path / "w")
    save_file({"a": torch.zeros(2)}, tmp_path / "w")
    with pytest.raises(CheckpointError, match="not a checkpoint of this project"):
        checkpoint.load(tmp_path / "w")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load(tmp_path / "folder")
