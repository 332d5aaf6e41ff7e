"""Read and write the arrays of a data set as files."""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from zowarmup.common import files
from zowarmup.common.errors import UserError, cause
from zowarmup.data import file_kinds

Arrays = dict[str, np.ndarray]
PARTS = ("train", "test")
KEYS = ("x_train", "y_train", "x_test", "y_test")
LONGEST_LIST = 120  # characters of the names that a message quotes


class DataError(UserError):
    """A data set that cannot be used; the message is one sentence: file, array and fix."""


def read_npz(path: Path, keys: Iterable[str], optional: Iterable[str] = ()) -> Arrays:
    """Return the arrays `keys` of an .npz file, and `optional` ones; others are not read.

    Raises:
        DataError: the file is missing or not a readable .npz (truncated, damaged, with pickled
            objects), or an array is missing.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; put the data set there or change data_dir")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            present = [key for key in optional if key in archive.files]
            return {key: _read_array(archive, key, path) for key in (*keys, *present)}
    except DataError:
        raise
    # A damaged file fails in a dozen ways inside zipfile, zlib and numpy; all mean the same.
    except Exception as error:
        raise _unreadable(path, error) from error


def describe_npz(path: Path) -> list[dict[str, Any]]:
    """Name, shape, dtype and range of every array of any .npz file.

    Raises:
        DataError: not a readable .npz.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return [{"array": name} | _describe(archive, name) for name in archive.files]
    except Exception as error:  # see `read_npz`
        raise _unreadable(path, error) from error


def _describe(archive: np.lib.npyio.NpzFile, name: str) -> dict[str, Any]:
    try:
        array = archive[name]
    except Exception as error:  # the other arrays may be whole
        return {"shape": "", "dtype": "", "values": f"not readable: {error}"}
    numbers = array.dtype.kind in "iuf" and array.size
    values = f"{array.min():.6g} to {array.max():.6g}" if numbers else ""
    return {"shape": list(array.shape), "dtype": str(array.dtype), "values": values}


def _unreadable(path: Path, error: Exception) -> DataError:
    kind = file_kinds.instead(path)
    reason = f" but {kind}" if kind else f" ({cause(error)}); {file_kinds.AGAIN}"
    return DataError(f"{path}: not a readable .npz file{reason}")


def _read_array(archive: np.lib.npyio.NpzFile, key: str, path: Path) -> np.ndarray:
    if key not in archive.files:
        has = ", ".join(archive.files)[:LONGEST_LIST] or "no arrays"
        raise DataError(
            f"{path}: array {key} is missing (the file has {has}); add it with numpy.savez"
        )
    try:
        return archive[key]
    except Exception as error:
        raise DataError(
            f"{path}: array {key} cannot be read ({cause(error)}); the file is damaged or holds "
            "Python objects: write plain numbers, and images as one array (numpy.stack)"
        ) from error


def write_npz(path: str | Path, arrays: Arrays) -> None:
    """Write an .npz whose bytes depend on the arrays alone, not on time, system or compressor."""
    with files.atomic_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, wherever this runs
            with archive.open(entry, "w", force_zip64=True) as member:
                plain = np.asarray(array, order="C")
                np.lib.format.write_array(member, plain, version=(1, 0), allow_pickle=False)
