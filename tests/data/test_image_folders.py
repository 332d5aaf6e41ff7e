"""Folders of images of the user's own: what becomes a data set, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zowarmup.common.errors import UserError
from zowarmup.config.datasets import FolderData
from zowarmup.data import any_dataset, dataset_file
from zowarmup.data.area_means import area_means
from zowarmup.data.draws import generator


def picture(file: Path, shape: tuple[int, ...] = (6, 6, 3)) -> np.ndarray:
    """Write and return a random image (H, W, 3), or (H, W) if it is grey."""
    x = generator("picture", file.parent.name, file.name).integers(0, 256, shape).astype(np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(x).save(file)
    return x


def pictures(folder: Path, names: str = "cat dog", n: int = 5, **how: Any) -> Path:
    for name in names.split():
        for i in range(n):
            picture(folder / name / f"{i}.png", **how)
    return folder


def load(folder: Path, **keys: Any) -> dataset_file.Dataset:
    return any_dataset.load(FolderData(folder=str(folder), **keys))


# --- what is accepted -----------------------------------------------------------------------


def test_two_folders_are_training_and_test_images(tmp_path: Path) -> None:
    """The classes are the sorted names, the channels come first, and nothing is drawn."""
    pictures(tmp_path / "train", n=3)
    test = picture(tmp_path / "test" / "dog" / "a.png")
    data = load(tmp_path)
    assert (data.x_train.shape, data.x_test.shape) == ((6, 3, 6, 6), (1, 3, 6, 6))
    assert (data.y_train.tolist(), data.y_test.tolist()) == ([0, 0, 0, 1, 1, 1], [1])
    np.testing.assert_array_equal(data.x_test[0], test.transpose(2, 0, 1))
    assert (data.scale, data.mean.shape) == (255.0, (3,))


def test_without_them_a_share_of_each_class_is_drawn(tmp_path: Path) -> None:
    data = load(pictures(tmp_path / "own"), test_share=0.4)
    assert np.bincount(data.y_train).tolist() == [3, 3]
    assert np.bincount(data.y_test).tolist() == [2, 2]
    every = np.concatenate([data.x_train, data.x_test]).reshape(10, -1)
    assert len(np.unique(every, axis=0)) == 10
    assert load(tmp_path / "own", test_share=0.4).sha256 == data.sha256


def test_the_present_folder_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = load(pictures(tmp_path / "own"))
    monkeypatch.chdir(tmp_path / "own")
    present = load(Path())
    assert (present.name, present.sha256) == ("own", data.sha256)


def test_grey_images_have_one_channel(tmp_path: Path) -> None:
    assert load(pictures(tmp_path, shape=(6, 6))).x_train.shape[1:] == (1, 6, 6)
    picture(tmp_path / "cat" / "colour.png")
    assert load(tmp_path).x_train.shape[1:] == (3, 6, 6)


def test_images_of_other_sizes_are_resized_alike(tmp_path: Path) -> None:
    pictures(tmp_path / "train", n=2)
    large = picture(tmp_path / "train" / "cat" / "large.png", (9, 9, 3))
    picture(tmp_path / "test" / "cat" / "a.png")
    data = load(tmp_path, resize=3)
    assert data.x_train.shape == (5, 3, 3, 3)
    np.testing.assert_array_equal(data.x_train[2], area_means(large.transpose(2, 0, 1)[None], 3)[0])


def test_hidden_files_and_other_files_are_left_out(tmp_path: Path) -> None:
    pictures(tmp_path)
    before = load(tmp_path).sha256
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "cat" / ".hidden.png").write_bytes(b"no image")
    (tmp_path / ".git").mkdir()
    assert load(tmp_path).sha256 == before


# --- what is refused ------------------------------------------------------------------------


def lone(folder: Path) -> None:
    picture(pictures(folder) / "lone.png")


def empty_class(folder: Path) -> None:
    (pictures(folder) / "eel").mkdir()


def no_image(folder: Path) -> None:
    (pictures(folder) / "cat" / "9.png").write_text("no image")


def cut(folder: Path) -> None:
    file = pictures(folder) / "cat" / "0.png"
    file.write_bytes(file.read_bytes()[:-60])


def sixteen_bits(folder: Path) -> None:
    x = np.arange(36, dtype=np.uint16).reshape(6, 6) * 1000
    Image.fromarray(x).save(pictures(folder) / "cat" / "9.png")


def other_test_class(folder: Path) -> None:
    pictures(folder / "train")
    pictures(folder / "test", "cat eel")


def empty_test_class(folder: Path) -> None:
    pictures(folder / "train")
    pictures(folder / "test", "cat")
    (folder / "test" / "dog").mkdir()


def no_test_image(folder: Path) -> None:
    pictures(folder / "train")
    (folder / "test").mkdir()


def wide(folder: Path) -> None:
    pictures(folder, shape=(6, 7, 3))


def other_size(folder: Path) -> None:
    picture(pictures(folder) / "dog" / "9.png", (5, 6, 3))


def huge(folder: Path) -> None:
    picture(pictures(folder) / "dog" / "9.png", (4, 4, 3))


REFUSED: dict[str, tuple[Callable[[Path], Any], dict[str, Any], str]] = {
    "no folder": (lambda f: None, {}, "no such folder; put the images there"),
    "a file": (lambda f: f.write_text("x"), {}, "no such folder"),
    "empty": (lambda f: f.mkdir(), {}, "has no class folders; put the images of each class into"),
    "lone": (lone, {}, r"lone\.png: this image lies in no class folder; move each image"),
    "an empty class": (empty_class, {}, "eel: has no image with one of the endings .jpg"),
    "one class": (lambda f: pictures(f, "cat"), {}, "all images are of one class, 0"),
    "one image of a class": (lambda f: pictures(f, n=1), {}, "class 0 has only one example"),
    "no image": (no_image, {}, r"9\.png: cannot be read as an image \(.*\); replace or remove it"),
    "cut": (cut, {}, r"0\.png: cannot be read as an image"),
    "16 bits": (sixteen_bits, {}, r"9\.png: its pixels have the mode I;16.*save it with 8 bits"),
    "two sizes": (other_size, {}, r"9\.png: has 5 x 6 pixels but .*0\.png has 6 x 6; bring all"),
    "not square": (wide, {"resize": 3}, r"\.png: resize is 3 but the image has 6 x 7 .*crop"),
    "too small": (huge, {"resize": 5}, r"9\.png: resize is 5 but .*4 x 4 pixels; set resize to 4"),
    "a class of tests alone": (
        other_test_class,
        {},
        "test/eel: there is no folder .*train/eel; ad",
    ),
    "an empty class of tests": (empty_test_class, {}, "test/dog: has no image"),
    "no tests": (no_test_image, {}, "test: has no class folders"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_folder_says_what_to_do(case: str, tmp_path: Path) -> None:
    make, keys, message = REFUSED[case]
    make(folder := tmp_path / "own")
    with pytest.raises(UserError, match=message) as error:
        load(folder, **keys)
    assert str(error.value).startswith(str(folder))
    assert "\n" not in str(error.value)
