"""A folder of images of the user's own, one folder for each class, as torchvision reads them."""

from pathlib import Path

import numpy as np

from zowarmup.common.errors import cause
from zowarmup.config.data_files import IMAGES, PARTS, base_name, images
from zowarmup.config.datasets import FolderData
from zowarmup.data import dataset_file
from zowarmup.data.area_means import area_means
from zowarmup.data.arrays import Arrays, DataError
from zowarmup.data.sources import drawn_test_set

# Modes of Pillow whose values fit a byte; it would clip those of other modes to white.
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB")

Labelled = list[tuple[Path, int]]


def read(settings: FolderData) -> dataset_file.Dataset:
    """Return the data set of a folder; its classes are the sorted names of the class folders.

    Images are decoded to RGB; if all of them are grey, one channel is kept.

    Raises:
        DataError: names the folder or the image, and the fix.
    """
    folder = Path(settings.folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; put the images there, or change its path")
    if all((folder / part).is_dir() for part in PARTS):
        train, test = _divided(folder)
    else:
        train, test = _drawn(folder, base_name(settings.folder), settings.test_share)
    x = _stacked([file for file, _ in train + test], settings.resize)
    if (x == x[:, :1]).all():
        x = np.ascontiguousarray(x[:, :1])
    y = np.array([label for _, label in train + test], np.int64)
    n = len(train)
    arrays: Arrays = {"x_train": x[:n], "y_train": y[:n], "x_test": x[n:], "y_test": y[n:]}
    return dataset_file.checked(base_name(settings.folder), arrays, str(folder))


def _divided(folder: Path) -> tuple[Labelled, Labelled]:
    """The images in `train/` and `test/`, whose class folders have the same names."""
    classes = _class_folders(folder / PARTS[0])
    for name in sorted({*_class_folders(folder / PARTS[1])} - {*classes}):
        raise DataError(
            f"{folder / PARTS[1] / name}: there is no folder {folder / PARTS[0] / name}; add "
            "training images of this class, or remove its test images"
        )
    return _labelled(folder / PARTS[0], classes), _labelled(folder / PARTS[1], classes)


def _drawn(folder: Path, name: str, share: float) -> tuple[Labelled, Labelled]:
    """All images, a share of each class drawn for testing; the name decides the draw."""
    every = _labelled(folder, _class_folders(folder))
    y = np.array([label for _, label in every], np.int64)
    held = drawn_test_set.drawn(y, share, name, str(folder)).tolist()
    parts = [[one for one, h in zip(every, held, strict=True) if h == part] for part in (0, 1)]
    return parts[0], parts[1]


def _class_folders(folder: Path) -> list[str]:
    """The sorted names of the folders that have an image in them."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    names = [name for name in names if not name.startswith(".")]
    lone = sorted(path.name for path in images_beside(folder))
    if lone:
        raise DataError(
            f"{folder / lone[0]}: this image lies in no class folder; move each image into a "
            "folder with the name of its class"
        )
    if not names:
        raise DataError(
            f"{folder}: has no class folders; put the images of each class into a folder with the "
            "name of the class"
        )
    return names


def images_beside(folder: Path) -> list[Path]:
    """The images that lie directly in a folder."""
    return [path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in IMAGES]


def _labelled(folder: Path, classes: list[str]) -> Labelled:
    """The images of each class and the number of the class, sorted; no class is empty."""
    every: Labelled = []
    for label, name in enumerate(classes):
        files = images(folder / name)
        if not files and (folder.name != PARTS[1] or (folder / name).is_dir()):
            raise DataError(
                f"{folder / name}: has no image with one of the endings {' '.join(IMAGES)}; add "
                "images, or remove the folder"
            )
        every += [(file, label) for file in files]
    return every


def _stacked(files: list[Path], side: int | None) -> np.ndarray:
    """The images as (N, 3, H, W) uint8, all of one size."""
    x = [_decoded(file) for file in files]
    if side is not None:
        x = [_resized(image, side, file) for image, file in zip(x, files, strict=True)]
    for image, file in zip(x, files, strict=True):
        if image.shape != x[0].shape:
            raise DataError(
                f"{file}: has {_size(image)} pixels but {files[0]} has {_size(x[0])}; bring all "
                "images to one size, or give `resize` if all are square"
            )
    return np.stack(x)


def _decoded(file: Path) -> np.ndarray:
    """An image as (3, H, W) uint8."""
    from torchvision.datasets import folder

    try:
        with folder.Image.open(file) as image:
            mode = image.mode
            pixels = np.asarray(image.convert("RGB"), np.uint8)
    # A damaged image fails in a dozen ways inside of Pillow; all mean the same.
    except Exception as error:
        raise DataError(
            f"{file}: cannot be read as an image ({cause(error)}); replace or remove it"
        ) from None
    if mode not in MODES:
        raise DataError(
            f"{file}: its pixels have the mode {mode}, with more than 8 bits; save it with 8 bits "
            "for each colour"
        )
    return pixels.transpose(2, 0, 1)


def _resized(image: np.ndarray, side: int, file: Path) -> np.ndarray:
    """A square image (3, H, H) scaled to (3, side, side) by area means."""
    height, width = image.shape[1:]
    if height != width or side > height:
        fix = f"set resize to {height} or less" if height == width else "crop the image"
        raise DataError(
            f"{file}: resize is {side} but the image has {_size(image)} pixels; {fix}, or leave "
            "resize out"
        )
    small: np.ndarray = area_means(image[None], side)[0]
    return small


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]} x {image.shape[2]}"
