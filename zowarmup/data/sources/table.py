"""A table of the user's own: one row for each example, in a CSV or Parquet file."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zowarmup.common.errors import cause
from zowarmup.config.datasets import TEST_SHARE, TableData
from zowarmup.data import clients, dataset_file
from zowarmup.data.arrays import LONGEST_LIST, Arrays, DataError
from zowarmup.data.clients import Clients
from zowarmup.data.sources import drawn_test_set

if TYPE_CHECKING:
    import pandas as pd


def read(settings: TableData) -> dataset_file.Dataset:
    """Return the data set of a table; its classes are the sorted values of the label's column.

    Raises:
        DataError: names the file, the row or column, and the fix.
    """
    table = _table(settings.table, settings)
    columns = settings.features or _features(table, settings)
    y, classes = _labels(table, settings)
    if settings.test_table:
        test, train = _table(settings.test_table, settings, columns), np.ones(len(y), bool)
        y_test = _as_classes(test, settings, classes)
    else:
        share = settings.test_share or TEST_SHARE
        held = drawn_test_set.drawn(y, share, Path(settings.table).stem, settings.table)
        test, y_test, train = table[held], y[held], ~held
    arrays: Arrays = {
        "x_train": _numbers(table, columns, settings.table)[train],
        "y_train": y[train],
        "x_test": _numbers(test, columns, settings.test_table or settings.table),
        "y_test": y_test,
    }
    given = _clients(table, train, settings) if settings.client else None
    return dataset_file.checked(Path(settings.table).stem, arrays, settings.table, given=given)


def _table(file: str, settings: TableData, columns: list[str] | None = None) -> "pd.DataFrame":
    """Read a file and check that it has rows and the columns of the config.

    Args:
        columns: the features; by default those that the config names.
    """
    import pandas as pd

    if not Path(file).is_file():
        raise DataError(f"{file}: no such file; put the table there, or change its path")
    try:
        if Path(file).suffix == ".csv":
            table = _csv(file)
        else:
            table = pd.read_parquet(file).reset_index(drop=True)
    # A damaged file fails in a dozen ways inside of pandas; all mean the same.
    except Exception as error:
        raise DataError(
            f"{file}: cannot be read as a table ({cause(error)}); save it anew as CSV in UTF-8, "
            "with commas and a first line of column names"
        ) from None
    own = [settings.label, *(columns or settings.features or [])]
    if columns is None:  # the test set has no clients
        own += [name for name in (settings.client, settings.tier) if name]
    _check_shape(table, own, file)
    return table


def _csv(file: str) -> "pd.DataFrame":
    """Read a CSV file; rows of more fields than column names are an error."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        # low_memory=False gives a column one type, however long it is.
        return pd.read_csv(file, low_memory=False, index_col=False)


def _check_shape(table: "pd.DataFrame", columns: list[str], file: str) -> None:
    """Check that a table has rows and these columns."""
    for name in columns:
        if name not in table.columns:
            has = ", ".join(map(str, table.columns))[:LONGEST_LIST]
            raise DataError(f"{file}: there is no column {name}; name one of its columns: {has}")
    if not len(table):
        raise DataError(f"{file}: there is no row below the column names; add rows")


def _features(table: "pd.DataFrame", settings: TableData) -> list[str]:
    """The columns that the config does not name otherwise."""
    others = (settings.label, settings.client, settings.tier)
    if columns := [name for name in table.columns if name not in others]:
        return columns
    raise DataError(f"{settings.table}: there is no column beside {settings.label}; add features")


def _numbers(table: "pd.DataFrame", columns: list[str], file: str) -> np.ndarray:
    """The features of all rows, (N, F) float32."""
    import pandas as pd

    numbers = table[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    with np.errstate(over="ignore"):
        numbers = numbers.astype(np.float32)
    wrong = np.argwhere(~np.isfinite(numbers))
    if len(wrong):
        row, column = wrong[0]
        value = table[columns].iloc[row, column]
        raise DataError(
            f"{file}: {_row(table, row)}, column {columns[column]}: {value!r} is not a finite "
            "number; replace it, leave the row out, or name the columns to use with `features`"
        )
    return numbers


def _row(table: "pd.DataFrame", i: int) -> str:
    """Return the place of row i, also in a part of the table."""
    return f"row {int(table.index[i]) + 1} below the column names"


def _values(table: "pd.DataFrame", name: str, file: str) -> list[Any]:
    """The values of a column, none of which is missing."""
    column = table[name]
    if (empty := column.isna().to_numpy()).any():
        raise DataError(
            f"{file}: {_row(table, empty.argmax())}, column {name}: the value is missing; add it, "
            "or leave the row out"
        )
    return list(column.tolist())


def _labels(table: "pd.DataFrame", settings: TableData) -> tuple[np.ndarray, list[Any]]:
    """The class of each row, (N,) int64, and the sorted labels, whose places are the classes."""
    labels = _values(table, settings.label, settings.table)
    if len({isinstance(label, str) for label in labels}) > 1:
        labels = [str(label) for label in labels]
    classes = sorted(set(labels))
    if len(classes) > max(2, len(labels) // 2):
        raise DataError(
            f"{settings.table}: column {settings.label} has {len(classes)} different values in "
            f"{len(labels)} rows, so it holds no classes; name the column of the classes with "
            "`label`"
        )
    place = {label: k for k, label in enumerate(classes)}
    return np.array([place[label] for label in labels], np.int64), classes


def _as_classes(test: "pd.DataFrame", settings: TableData, classes: list[Any]) -> np.ndarray:
    """The class of each row of the test table, (N,) int64."""
    file, place = str(settings.test_table), {label: k for k, label in enumerate(classes)}
    labels = _values(test, settings.label, file)
    if isinstance(classes[0], str):
        labels = [str(label) for label in labels]
    for i, label in enumerate(labels):
        if label not in place:
            raise DataError(
                f"{file}: {_row(test, i)}, column {settings.label}: no row of {settings.table} has "
                f"the class {label!r}; add training rows of it, or leave this row out"
            )
    return np.array([place[label] for label in labels], np.int64)


def _clients(table: "pd.DataFrame", train: np.ndarray, settings: TableData) -> Clients:
    """The clients of the training rows, and their tiers if the config names their column.

    Args:
        train: (N,) bool, the rows of the table to train on; each client needs one.
    """
    file, column = settings.table, str(settings.client)
    names, tiers = _values(table, column, file), None
    if settings.tier:
        tiers = _tiers(table, names, _values(table, settings.tier, file), settings)
    every = clients.clients_of(names, len(names), f"{file}: column {column}", tiers)
    lost = np.setdiff1d(every.train, every.train[train])
    if len(lost):
        raise DataError(
            f"{file}: all rows of client {every.names[lost[0]]} in column {column} are test rows; "
            "give this client more rows, leave them out, or name a file of test rows: `test_table`"
        )
    return replace(every, train=every.train[train])


def _tiers(
    table: "pd.DataFrame", names: list[Any], given: list[Any], settings: TableData
) -> dict[Any, Any]:
    """The tier of each client, which is the same in all of its rows."""
    tiers: dict[Any, Any] = {}
    for i, (name, tier) in enumerate(zip(names, given, strict=True)):
        if tiers.setdefault(name, tier) != tier:
            raise DataError(
                f"{settings.table}: {_row(table, i)}, column {settings.tier}: client {name} is "
                f"{tier!r} in this row but {tiers[name]!r} above; give a client one tier"
            )
        if tier not in (clients.HIGH, clients.LOW):
            raise DataError(
                f"{settings.table}: {_row(table, i)}, column {settings.tier} is {tier!r} but must "
                f"be {clients.HIGH!r} or {clients.LOW!r}; write one of the two"
            )
    return tiers
