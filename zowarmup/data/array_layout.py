"""The arrays of a user's data set, brought to one layout; errors say how to change arrays."""

from collections.abc import Callable

import numpy as np

from zowarmup.data.arrays import PARTS, Arrays, DataError

IMAGES, FEATURES, TOKENS = "images", "feature rows", "token rows"
LARGEST = 5  # axes of an array: the examples, and the 4 sizes that a checkpoint can hold
CHANNELS = (1, 2, 3, 4)  # sizes that an axis of channels may have, from grey to RGB + alpha
NUMBER = (
    "number the classes 0 to C-1 in training and test alike, with names, y = numpy.unique("
    "numpy.concatenate([y_train, y_test]), return_inverse=True)"
)


def tidy(arrays: Arrays, where: str, *, returned: bool = False) -> Arrays:
    """Return the four arrays, checked, with images as uint8 (N, C, H, W), labels as int64 (N,).

    Images may be NHWC, NCHW or NHW. Floats (N, F) are features, float32. Other floats are refused
    in a file, because values do not show for sure whether they are in 0..1, in 0..255, or
    normalised.

    Args:
        returned: the arrays come from a user's function; then floats (N, F, ...) are features of
            any shape, and other integers (N, T) than uint8 are tokens, int64, with a label for
            each row (N,) or each token (N, T).

    Raises:
        DataError: a dtype or shape is wrong, there are no images, lengths differ, or train and test
            images differ in shape.
    """
    tidied: Arrays = {}
    for part in PARTS:
        tidied |= _part(part, arrays[f"x_{part}"], arrays[f"y_{part}"], where, returned)
    _check_alike(tidied, where, returned)
    return tidied


def _part(part: str, x: np.ndarray, y: np.ndarray, where: str, returned: bool) -> Arrays:
    """Return the inputs and labels of "train" or "test"."""
    noun = inputs_of(x, returned)
    if x.ndim in (3, 4) and y.ndim and x.shape[-1] == len(y) != x.shape[0]:  # as in MATLAB
        raise DataError(
            f"{where}: x_{part} has shape {x.shape}, whose last axis counts the images; store "
            "it as numpy.moveaxis(x, -1, 0)"
        )
    x = READERS[noun](x, f"{where}: x_{part}")
    of_tokens = noun == TOKENS and y.ndim > 1 and y.shape == x.shape and y.dtype.kind in "iu"
    y = (_tokens if of_tokens else _labels)(y, f"{where}: y_{part}")
    if len(x) != len(y):
        raise DataError(
            f"{where}: x_{part} has {len(x)} {noun} but y_{part} has {len(y)} labels; give "
            f"each of the {noun} one label, or swap y_train and y_test if they are exchanged"
        )
    return {f"x_{part}": x, f"y_{part}": y}


def _check_alike(tidied: Arrays, where: str, returned: bool) -> None:
    """Check that training and test inputs have one number type and shape, and equal labels."""
    train, test = (tidied[f"x_{part}"] for part in PARTS)
    if train.dtype != test.dtype:
        raise DataError(
            f"{where}: x_test holds {inputs_of(test, returned)} but x_train holds "
            f"{inputs_of(train, returned)}; store both with one number type"
        )
    if train.shape[1:] != test.shape[1:]:
        noun = inputs_of(test, returned)
        layout = " (channels, height, width)" * (train.dtype == np.uint8)
        raise DataError(
            f"{where}: x_test has {noun} of shape {test.shape[1:]}{layout} but x_train has "
            f"{train.shape[1:]}; bring all {noun} to one shape"
        )
    if tidied["y_train"].ndim != tidied["y_test"].ndim:
        raise DataError(
            f"{where}: y_train and y_test have {tidied['y_train'].ndim} and "
            f"{tidied['y_test'].ndim} axes; label each row, or each token, in both"
        )


def inputs_of(x: np.ndarray, returned: bool) -> str:
    """Return the kind of the inputs in an array: "images", "feature rows" or "token rows"."""
    if x.dtype.kind == "f" and (x.ndim == 2 or (returned and x.ndim > 2)):
        return FEATURES
    if returned and x.ndim == 2 and x.dtype.kind in "iu" and x.dtype != np.uint8:
        return TOKENS
    return IMAGES


def _features(x: np.ndarray, where: str) -> np.ndarray:
    """Features as float32 (N, F, ...)."""
    _check_size(x, where)
    with np.errstate(over="ignore"):
        x = x.astype(np.float32)
    wrong = np.argwhere(~np.isfinite(x))
    if len(wrong):
        place = ", ".join(map(str, wrong[0]))
        value = float(x[tuple(wrong[0])])
        raise DataError(
            f"{where}[{place}] is {value} as float32 but must be a finite number; "
            "replace the value, or leave its row out"
        )
    return x


def _tokens(x: np.ndarray, where: str) -> np.ndarray:
    """Tokens as int64 (N, T)."""
    _check_size(x, where)
    if int(x.min()) < 0 or int(x.max()) >= 2**31:
        raise DataError(
            f"{where} has tokens from {x.min()} to {x.max()}; number the tokens from 0 on, and "
            "give a number to padding too"
        )
    return x.astype(np.int64)


def _check_size(x: np.ndarray, where: str) -> None:
    if x.size == 0 or x.ndim > LARGEST:
        raise DataError(
            f"{where} has shape {x.shape} but must have rows, at least one value in each of them, "
            f"and at most {LARGEST} axes; reshape it"
        )


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


# By kind of inputs, the function that brings them to one layout.
READERS: dict[str, Callable[[np.ndarray, str], np.ndarray]] = {
    IMAGES: _images,
    FEATURES: _features,
    TOKENS: _tokens,
}


def check_classes(arrays: Arrays, where: str) -> None:
    """Check that C >= 2 and every class 0..C-1 has a training image; C-1 is the largest label.

    Without the check, labels that count from 1 would give a class 0 without images.

    Raises:
        DataError: there is only one class, or a class has no training image.
    """
    y_train, noun = arrays["y_train"], inputs_of(arrays["x_train"], returned=True)
    present, every = np.unique(y_train), np.union1d(y_train, arrays["y_test"])
    low, top = int(every[0]), int(every[-1])
    if low == top:
        raise DataError(
            f"{where}: all {noun} are of one class, {top}, so there is nothing to tell apart; "
            f"give {noun} of at least two classes"
        )
    if len(present) <= top:
        missing = int(np.setdiff1d(np.arange(len(present) + 1), present)[0])
        way = f"add training {noun} of this class, or leave its test {noun} out"
        if len(every) <= top - low:
            way = NUMBER
        elif low:
            way = f"labels count from 0, so subtract {low} from y_train and y_test"
        one = noun.removesuffix("s")
        raise DataError(
            f"{where}: y_train has no {one} of class {missing} though labels go up to {top}; {way}"
        )
