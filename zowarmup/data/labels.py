"""The labels of a data set: whole numbers 0 to C-1, or an error that says how to get them."""

import numpy as np

from zowarmup.data.arrays import DataError

NUMBER = (
    "number the classes 0 to C-1, training and test alike: names, y = numpy.unique("
    "numpy.concatenate([y_train, y_test]), return_inverse=True)"
)


def tidy_labels(y: np.ndarray, where: str) -> np.ndarray:
    """Labels as int64 (N,).

    Raises:
        DataError: they are not one whole number per image.
    """
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise DataError(
            f"{where} has dtype {y.dtype} and shape {y.shape} but must be one integer per image; "
            f"{_remedy(y)}"
        )
    # Checked before the cast, which would turn a huge unsigned label into a negative one.
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) < 2**31:
        raise DataError(f"{where} has labels from {y.min()} to {y.max()}; {NUMBER}")
    return y.astype(np.int64)


def _remedy(y: np.ndarray) -> str:
    """What to type, by the kind of labels that these seem to be."""
    numbers = y.dtype.kind in "iufb"
    if y.ndim == 2 and y.shape[1] > 1 and numbers:
        with np.errstate(all="ignore"):
            one_hot = np.allclose(np.abs(y.astype(np.float64)).sum(axis=1), 1)
        if one_hot:
            return "these look like one-hot rows: store it as y.argmax(axis=1)"
        return "keep one class for each image, and number the classes 0 to C-1"
    if y.ndim != 1 and y.size != (len(y) if y.ndim else 0):
        return "keep one class for each image"
    flat = "y" if y.ndim == 1 else "y.ravel()"
    if y.dtype.kind in "US":
        return NUMBER
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        return "some are NaN or infinite: leave these images out"
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        return "these are measured values, not classes; give each image the number of its class"
    return f"store it as {flat}.astype(numpy.int64)" if numbers else "store whole numbers"


def check_classes(
    y_train: np.ndarray, y_test: np.ndarray, where: str, images_train: int | None = None
) -> None:
    """Check that C >= 2 and every class 0..C-1 has a training image; C-1 is the largest label.

    Labels that count from 1 would otherwise give a class 0 that nothing ever recalls.

    Args:
        images_train: the config's limit, if it left a class without images.

    Raises:
        DataError: only one class, or the first class without images.
    """
    present = np.unique(y_train)
    top = int(max(present[-1], y_test.max()))
    if len(np.union1d(present, y_test)) == 1:
        few = f"; raise images_train ({images_train})" if images_train else ""
        raise DataError(
            f"{where}: all images are of one class, {top}, and there is nothing to tell apart; "
            f"give images of two classes or more{few}"
        )
    if len(present) <= top:
        missing = int(np.setdiff1d(np.arange(len(present) + 1), present)[0])
        raise DataError(
            f"{where}: y_train has no image of class {missing} though labels go up to {top}; "
            f"{_classes(present, y_test, images_train)}"
        )


def _classes(present: np.ndarray, y_test: np.ndarray, images_train: int | None) -> str:
    if images_train is not None:
        return f"raise images_train ({images_train})"
    every = np.union1d(present, y_test)
    low, gaps = int(every[0]), len(every) <= int(every[-1] - every[0])
    if low and not gaps:
        return f"labels count from 0, so subtract {low} from y_train and y_test"
    if gaps:
        return NUMBER
    return "add training images of it, or leave its test images out"
