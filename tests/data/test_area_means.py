"""`resize`: smaller images by area means, as torch computes them but in whole numbers."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from zowarmup.config.datasets import Dataset
from zowarmup.data import dataset_file
from zowarmup.data.area_means import area_means
from zowarmup.data.arrays import DataError
from zowarmup.data.draws import generator
from zowarmup.forecast import sizes
from zowarmup.jobs import dataset
from zowarmup.plan import source_record


def noise(side: int, images: int = 9) -> np.ndarray:
    return generator("test", "resize").integers(0, 256, (images, 3, side, side)).astype(np.uint8)


def test_means_by_hand() -> None:
    """Whole boxes: 10/4 = 2.5 becomes 3; at 3 pixels to 2 the middle one counts twice."""
    x = np.arange(1, 17, dtype=np.uint8).reshape(1, 1, 4, 4)  # 14/4, 22/4, 46/4, 54/4
    assert area_means(x, 2).tolist() == [[[[4, 6], [12, 14]]]]
    x = np.arange(9, dtype=np.uint8).reshape(1, 1, 3, 3)
    assert area_means(x, 2).tolist() == [[[[2, 3], [5, 6]]]]
    assert area_means(np.full((1, 1, 32, 32), 255, np.uint8), 1).item() == 255


@pytest.mark.parametrize(("side", "small"), [(32, 16), (32, 12), (8, 5), (8, 8), (32, 1)])
def test_means_are_those_of_torch(side: int, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In several chunks, the last one smaller."""
    monkeypatch.setattr("zowarmup.data.area_means.CHUNK", 4)
    x = noise(side)
    theirs = interpolate(torch.from_numpy(x).double(), size=(small, small), mode="area")
    rounded = (theirs + 0.5 + 1e-9).floor()  # halves upwards
    assert torch.equal(torch.from_numpy(area_means(x, small)).double(), rounded)


def test_digits_get_smaller_and_another_fingerprint(tmp_path: Path) -> None:
    """The statistics are those of the small images, of which the summary gives the shape."""
    whole, small = dataset_file.load_source("digits"), dataset_file.load_source("digits", resize=4)
    np.testing.assert_array_equal(small.x_train, area_means(whole.x_train, 4))
    np.testing.assert_array_equal(small.y_test, whole.y_test)
    assert abs(small.images("train").mean()) < 1e-4
    assert small.sha256 != whole.sha256
    assert dataset_file.load_source("digits", resize=8).sha256 == whole.sha256
    dataset_file.save(small, tmp_path / "dataset.npz")
    assert '"x_train": [\n   1437,\n   1,\n   4,\n   4\n' in (tmp_path / "dataset.json").read_text()
    assert dataset_file.load(tmp_path / "dataset.npz").sha256 == small.sha256


def test_a_subset_has_the_same_images_at_any_size() -> None:
    few = dataset_file.load_source("digits", images_train=200, images_test=50, resize=4)
    large = dataset_file.load_source("digits", images_train=200, images_test=50)
    np.testing.assert_array_equal(few.x_test, area_means(large.x_test, 4))


def test_real_images_of_cifar10() -> None:
    """The mean of each two by two pixels, halves upwards."""
    folder = Path(os.environ.get("ZOWARMUP_DATA_DIR", ""))
    if not [*folder.glob("cifar10.npz"), *folder.glob("cifar-10-batches-py")]:
        pytest.skip("set ZOWARMUP_DATA_DIR to a folder with CIFAR-10 to test on it")
    whole, small = (
        dataset_file.load_source("cifar10", folder, images_train=500, images_test=10, resize=side)
        for side in (None, 16)
    )
    boxes = whole.x_train.reshape(500, 3, 16, 2, 16, 2).astype(float).mean(axis=(3, 5))
    np.testing.assert_array_equal(small.x_train, np.floor(boxes + 0.5))
    np.testing.assert_array_equal(small.y_train, whole.y_train)


def test_the_record_of_a_data_set_knows_its_size(tmp_path: Path) -> None:
    data = tmp_path / "results/own/datasets/small/dataset.npz"
    settings = Dataset(source="digits", resize=4)
    dataset.make(settings, "", data)
    assert dataset_file.load(data).x_test.shape == (360, 1, 4, 4)
    assert source_record.reconfigured(data, settings) == ""
    for other, says in ((None, "config says None"), (6, "config says 6")):
        sentence = source_record.reconfigured(data, Dataset(source="digits", resize=other))
        assert f"made with resize 4, but the {says}" in sentence


def test_the_forecast_knows_the_size() -> None:
    size = sizes.dataset_size("c", Dataset(source="cifar10", images_train=100, resize=16))
    assert size == sizes.Size((3, 16, 16), 10, 100, 10_000)


@pytest.mark.parametrize("side", [0, -3, 9, 10**9])
def test_a_size_out_of_range_is_one_sentence(side: int) -> None:
    with pytest.raises(DataError, match=rf"resize is {side} but .* 8 x 8 .* from 1 to 8, or leave"):
        dataset_file.load_source("digits", resize=side)


def test_images_that_are_not_square_are_refused(tmp_path: Path) -> None:
    x, y = np.zeros((4, 6, 8, 3), np.uint8), np.arange(4) % 2
    np.savez(tmp_path / "wide.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(DataError, match="6 x 8 pixels; crop the images, or leave resize out"):
        dataset_file.load_source("wide", tmp_path, resize=4)
