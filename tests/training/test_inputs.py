"""Features and tokens in place of images: every engine runs them, or says why it cannot."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from small_runs import fedavg, job_spec, last_of, ready, steps_of, zo
from torch import nn

from zowarmup.common.errors import UserError
from zowarmup.config import registry
from zowarmup.data import dataset_file, federation
from zowarmup.data.clients import clients_of
from zowarmup.data.draws import generator
from zowarmup.models import memory
from zowarmup.training import context as contexts
from zowarmup.training import evaluate
from zowarmup.training.context import Context

N, TEST, WORDS = 66, 9, 5


class Bag(nn.Module):
    """The mean embedding of an example's tokens, then a classifier."""

    def __init__(self, shape: tuple[int, ...], classes: int, **_: Any) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 4)
        self.linear = nn.Linear(4 * shape[0], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.embedding(x).flatten(1))


@pytest.fixture(autouse=True)
def bag(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network for tokens, which no built-in one reads."""
    load = registry.load
    monkeypatch.setattr(
        registry, "load", lambda table, name: Bag if name == "bag" else load(table, name)
    )


def features(n: int, random: np.random.Generator) -> np.ndarray:
    return random.normal(3, 2, (n, 4)).astype(np.float32)


def signals(n: int, random: np.random.Generator) -> np.ndarray:
    return random.normal(3, 2, (n, 2, 5)).astype(np.float32)


def volumes(n: int, random: np.random.Generator) -> np.ndarray:
    return random.normal(3, 2, (n, 1, 2, 3, 2)).astype(np.float32)


def tokens(n: int, random: np.random.Generator) -> np.ndarray:
    return random.integers(0, WORDS, (n, 3))


Draw = Callable[[int, np.random.Generator], np.ndarray]


def data(draw: Draw) -> dataset_file.Dataset:
    """Seven clients of 6 to 12 examples each; the label is whether the sum is large."""
    random = generator("test inputs")
    x, names = draw(N + TEST, random), np.repeat(np.arange(7), [6, 7, 8, 9, 12, 12, 12])
    total = x.reshape(len(x), -1).sum(1)
    y = (total > np.median(total)).astype(np.int64)
    arrays = {"x_train": x[:N], "y_train": y[:N], "x_test": x[N:], "y_test": y[N:]}
    tiers = {k: "high" if k in (1, 4) else "low" for k in range(7)}
    return dataset_file.checked("own", arrays, "here", given=clients_of(names, N, "here", tiers))


def context(draw: Draw, engine: str, options: Any = (), **settings: Any) -> Context:
    own, model = data(draw), "bag" if draw is tokens else "mlp"
    given = {
        "split": "given",
        "model": model,
        "engine": {"name": engine} | dict(options),
    } | settings
    dealt = federation.build(own, clients="given", holdout=0.1, seed=0)
    return contexts.assemble(job_spec(**given), own, dealt)


def trained(run: Context) -> torch.Tensor:
    """The model after two rounds of SGD by high-resource clients and two zeroth-order rounds."""
    w = last_of(steps_of(run, fedavg(2), run.model.initial(0), first=1)).w
    return last_of(steps_of(run, zo(2), w)).w


RUNS = [
    *((draw, engine) for draw in (features, signals, volumes) for engine in ("batched", "vmap")),
    (features, "layerwise"),
    (tokens, "vmap"),
    (tokens, "layerwise"),
]


@pytest.mark.parametrize(("draw", "engine"), RUNS)
def test_every_engine_computes_what_plain_computes(draw: Draw, engine: str) -> None:
    expected = trained(context(draw, "plain"))
    assert torch.isfinite(expected).all()
    torch.testing.assert_close(trained(context(draw, engine)), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("draw", [features, signals, volumes, tokens])
def test_inputs_are_scaled_unless_they_are_tokens(draw: Draw) -> None:
    run, own = context(draw, "plain"), data(draw)
    assert run.test.x().numpy().tobytes() == own.images("test").tobytes()
    assert run.shape == own.x_train.shape[1:]
    assert run.test.x().dtype == (torch.int64 if draw is tokens else torch.float32)


def test_the_data_say_which_clients_are_high_resource() -> None:
    run = context(features, "batched")
    assert (run.tiers["high"], run.tiers["low"]) == ((1, 4), (0, 2, 3, 5, 6))
    assert len(context(features, "batched", split="30/70").tiers["high"]) == 2


def test_a_model_of_features_is_evaluated() -> None:
    run = context(features, "batched")
    w = trained(run)
    assert 0 <= evaluate.evaluate(run, w).test_accuracy <= 1
    assert run.about(4).shape == (4,)


def test_tokens_take_no_memory_for_their_gradients() -> None:
    run = context(tokens, "plain")
    assert memory.backprop(run.model, run.shape, 8, dtype=torch.int64) > 8 * run.model.d
    assert memory.inference(run.model, run.shape, 8, dtype=torch.int64) > 4 * run.model.d


REFUSED: dict[str, tuple[Draw, str, dict[str, Any], str]] = {
    "tokens and a built-in": (
        tokens,
        "plain",
        {"model": "mlp"},
        "mlp reads images or features, but",
    ),
    "tokens, batched": (tokens, "batched", {}, "engine batched cannot stack Bag"),
    "features and cnn": (features, "plain", {"model": "cnn"}, r"cnn reads images .* shape \(4,\)"),
    "features and resnet8": (features, "plain", {"model": "resnet8"}, "ResNet reads images"),
    "features and preresnet": (
        features,
        "plain",
        {"model": "preresnet_tiny"},
        "PreResNet reads im",
    ),
    "features and vit": (features, "plain", {"model": "vit_tiny"}, "ViT reads images"),
    "channels last": (
        features,
        "plain",
        {"options": {"channels_last": True}},
        r"channels_last: true needs images, but an example of own has the shape \(4,\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_needs_images_says_so(case: str) -> None:
    draw, engine, settings, message = REFUSED[case]
    with pytest.raises(UserError, match=message):
        context(draw, engine, **settings)


@pytest.mark.parametrize("draw", [features, tokens])
def test_nothing_but_images_is_cropped_and_flipped(draw: Draw) -> None:
    phase = fedavg(2, augment="crop_flip")
    with pytest.raises(UserError, match=r"augment: crop_flip moves images.* set augment to none"):
        ready(context(draw, "plain"), phase, after=0)
