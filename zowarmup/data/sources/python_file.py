"""Arrays that a function in a Python file of the user's own returns."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zowarmup.common import user_code
from zowarmup.common.errors import cause
from zowarmup.config.datasets import FileData
from zowarmup.data import clients, dataset_file
from zowarmup.data.array_layout import tidy
from zowarmup.data.arrays import KEYS, LONGEST_LIST, Arrays, DataError

CLIENTS, TIERS = "client_train", "tiers"  # what a function may return beside KEYS


def read(settings: FileData) -> dataset_file.Dataset:
    """Return the data set that the function of the settings makes.

    Raises:
        DataError: the function returns something else than arrays, or arrays that do not fit.
        UserError: a file is missing, or the function fails.
    """
    where = f"{settings.file}: {settings.load}"
    return of_mapping(Path(settings.file).stem, _returned(settings, where), where)


def of_mapping(name: str, returned: Mapping[str, Any], where: str) -> dataset_file.Dataset:
    """Return the data set of arrays by their names, see KEYS, CLIENTS and TIERS.

    Args:
        where: the place of the arrays, for messages.

    Raises:
        DataError: the arrays do not fit.
    """
    arrays: Arrays = {key: _array(returned[key], f"{where}: {key}") for key in KEYS}
    arrays, given = tidy(arrays, where, returned=True), None
    if returned.get(CLIENTS) is not None:
        tiers = returned.get(TIERS)
        if tiers is not None and not isinstance(tiers, Mapping):
            raise DataError(
                f"{where}: {TIERS} is a {type(tiers).__name__} but must be a dict from the name of "
                "each client to 'high' or 'low'"
            )
        names = _array(returned[CLIENTS], f"{where}: {CLIENTS}")
        given = clients.clients_of(names, len(arrays["y_train"]), f"{where}: {CLIENTS}", tiers)
    elif returned.get(TIERS) is not None:
        raise DataError(f"{where}: {TIERS} needs {CLIENTS}; return the client of each example too")
    return dataset_file.checked(name, arrays, where, given=given)


def _returned(settings: FileData, where: str) -> Mapping[str, Any]:
    """Call the function, and check the names in the mapping that it returns."""
    function = user_code.attribute(settings.file, settings.load)
    if not callable(function):
        raise DataError(f"{where} is no function; name a function with `load`")
    keys = dict(settings.model_extra or {})
    if settings.files:
        keys["files"] = [_existing(file) for file in settings.files]
    user_code.parameters(where, function, {}, keys)
    with user_code.running(settings.file):
        returned = function(**keys)
    if not isinstance(returned, Mapping):
        raise DataError(
            f"{where} returns a {type(returned).__name__} but must return a dict with the arrays "
            f"{', '.join(KEYS)}"
        )
    allowed = (*KEYS, CLIENTS, TIERS)
    has = ", ".join(map(str, returned))[:LONGEST_LIST] or "nothing"
    if missing := [key for key in KEYS if key not in returned]:
        raise DataError(f"{where} returns no {missing[0]} (it returns {has}); add this array")
    if strange := [key for key in returned if key not in allowed]:
        raise DataError(
            f"{where} returns {strange[0]}; remove it, or use one of {', '.join(allowed)}"
        )
    return returned


def _existing(file: str) -> Path:
    if not Path(file).is_file():
        raise DataError(f"{file}: no such file; put it there, or change `files`")
    return Path(file)


def _array(value: Any, where: str) -> np.ndarray:
    """An array of numpy, from a tensor of torch on any device too."""
    try:
        return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{where} cannot become an array ({cause(error)}); return numbers of one shape, as an "
            "array of numpy or a tensor"
        ) from None
