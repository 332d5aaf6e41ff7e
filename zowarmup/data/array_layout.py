"""The arrays of a user's data set, brought to one layout; errors say how to change arrays."""

import numpy as np

from zowarmup.data.arrays import PARTS, Arrays, DataError

CHANNELS = (1, 2, 3, 4)  # sizes that an axis of channels may have, from grey to RGB + alpha
NUMBER = (
    "number the classes 0 to C-1 in training and test alike, with names, y = numpy.unique("
    "numpy.concatenate([y_train, y_test]), return_inverse=True)"
)


def tidy(arrays: Arrays, where: str) -> Arrays:
    """Return the four arrays, checked, with images as uint8 (N, C, H, W), labels as int64 (N,).

    Images may be NHWC, NCHW or NHW. Floats are refused, because values do not show for sure whether
    they are in 0..1, in 0..255, or normalised.

    Raises:
        DataError: a dtype or shape is wrong, there are no images, lengths differ, or train and test
            images differ in shape.
    """
    tidied: Arrays = {}
    for part in PARTS:
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if x.ndim in (3, 4) and y.ndim and x.shape[-1] == len(y) != x.shape[0]:  # as in MATLAB
            raise DataError(
                f"{where}: x_{part} has shape {x.shape}, whose last axis counts the images; store "
                "it as numpy.moveaxis(x, -1, 0)"
            )
        x, y = _images(x, f"{where}: x_{part}"), _labels(y, f"{where}: y_{part}")
        if len(x) != len(y):
            raise DataError(
                f"{where}: x_{part} has {len(x)} images but y_{part} has {len(y)} labels; give "
                "each image one label, or swap y_train and y_test if they are exchanged"
            )
        tidied |= {f"x_{part}": x, f"y_{part}": y}
    train, test = (tidied[f"x_{part}"].shape[1:] for part in PARTS)
    if train != test:
        raise DataError(
            f"{where}: x_test has images of shape {test} (channels, height, width) but x_train has "
            f"{train}; bring all images to one shape"
        )
    return tidied


def _images(x: np.ndarray, where: str) -> np.ndarray:
    """Images as uint8 (N, C, H, W) in one block of memory."""
    if x.dtype != np.uint8:
        raise DataError(f"{where} has dtype {x.dtype} but must be uint8 (0..255); {_as_bytes(x)}")
    if x.size == 0 or x.ndim not in (3, 4):
        raise DataError(
            f"{where} has shape {x.shape} but must be (images, height, width) or "
            "(images, height, width, channels) with at least one image; reshape rows of pixels, "
            "for instance as x.reshape(-1, 28, 28) or x.reshape(-1, 3, 32, 32)"
        )
    if x.ndim == 3:
        return np.ascontiguousarray(x[:, None])
    first, last = x.shape[1] in CHANNELS, x.shape[3] in CHANNELS
    if first == last:
        raise DataError(
            f"{where} has shape {x.shape}, in which {'two axes' if first else 'no axis'} could be "
            "the 1 to 4 channels; store colour images as (images, height, width, channels), more "
            "than 4 pixels high and wide, and grey images without channels"
        )
    return np.ascontiguousarray(x if first else x.transpose(0, 3, 1, 2))


def _as_bytes(x: np.ndarray) -> str:
    """Say how to store images of another number type as bytes, based on the values."""
    if x.dtype.kind not in "biuf":
        return "store numbers from 0 to 255 as uint8"
    if not np.isfinite(x).all():
        return "some of its values are NaN or infinite: replace these first"
    low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
    if low < 0:
        way = "undo the normalisation, so that black is 0 and white 255, and store x as uint8"
    elif high <= 1:
        way = "store it as (255 * x).round().astype(numpy.uint8)"
    elif high <= 255:
        way = "store it as x.round().astype(numpy.uint8)"
    else:
        way = (
            "store it as (255 / white * x).round().astype(numpy.uint8), where white is 65535 for "
            "16 bits"
        )
    return f"its values go from {low:.6g} to {high:.6g}: {way}"


def _labels(y: np.ndarray, where: str) -> np.ndarray:
    """Labels as int64 (N,)."""
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise DataError(
            f"{where} has dtype {y.dtype} and shape {y.shape} but must be one integer per image; "
            f"{_as_classes(y)}"
        )
    # Checked before the cast, which would turn a huge unsigned label into a negative one.
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) < 2**31:
        raise DataError(f"{where} has labels from {y.min()} to {y.max()}; {NUMBER}")
    return y.astype(np.int64)


def _as_classes(y: np.ndarray) -> str:
    """Say how to store labels of another type or shape, based on the values."""
    if y.dtype.kind not in "iufb":
        return NUMBER
    if y.ndim == 2 and y.shape[1] > 1 and (np.count_nonzero(y, axis=1) == 1).all():
        return "these look like one-hot rows: store it as y.argmax(axis=1)"
    if y.shape[:1] != (y.size,):
        return "keep one class for each image, and number the classes 0 to C-1"
    if (y != np.floor(y)).any():
        return (
            "these are measured values or NaN, not classes; give each image the number of its "
            "class, or leave the image out"
        )
    return "store it as y.ravel().astype(numpy.int64)"


def check_classes(y_train: np.ndarray, y_test: np.ndarray, where: str) -> None:
    """Check that C >= 2 and every class 0..C-1 has a training image; C-1 is the largest label.

    Without the check, labels that count from 1 would give a class 0 without images.

    Raises:
        DataError: there is only one class, or a class has no training image.
    """
    present, every = np.unique(y_train), np.union1d(y_train, y_test)
    low, top = int(every[0]), int(every[-1])
    if low == top:
        raise DataError(
            f"{where}: all images are of one class, {top}, so there is nothing to tell apart; "
            "give images of at least two classes"
        )
    if len(present) <= top:
        missing = int(np.setdiff1d(np.arange(len(present) + 1), present)[0])
        way = "add training images of this class, or leave its test images out"
        if len(every) <= top - low:
            way = NUMBER
        elif low:
            way = f"labels count from 0, so subtract {low} from y_train and y_test"
        raise DataError(
            f"{where}: y_train has no image of class {missing} though labels go up to {top}; {way}"
        )
