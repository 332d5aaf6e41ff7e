"""Checks a user's values against a schema, and says in one sentence what is wrong with them."""

import difflib
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from zowarmup.common.errors import LONGEST
from zowarmup.config.phase import Settings
from zowarmup.config.yaml_file import ConfigError, scalar

SHORT = reprlib.Repr()  # a value may be a page of text, or contain itself
SHORT.maxstring = SHORT.maxlong = SHORT.maxother = LONGEST


def check(schema: type[Settings], raw: Any, name: Callable[[str], str]) -> Any:
    """The settings object for `raw`.

    Args:
        name: the key as the user finds it, e.g. with the name of the file before it.

    Raises:
        ConfigError: the key, the fault and the fix.
    """
    try:
        return schema.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(_sentence(schema, raw, error.errors(), name)) from None


def _sentence(
    schema: type[Settings], raw: Any, errors: Sequence[Any], name: Callable[[str], str]
) -> str:
    """The most telling error: an unknown key, else the one that lies deepest."""
    first = min(errors, key=lambda e: (e["type"] != "extra_forbidden", -len(_path(raw, e))))
    key = name(".".join(_path(raw, first)))
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key{_guess(schema, first['loc'])}"
    if first["type"] == "missing":
        return f"{key}: this key is required; add it"
    # A value that may be of several types fails once for each of them.
    same = [e for e in errors if _path(raw, e) == _path(raw, first)]
    messages = [_message(error) for error in same]
    others = (message.removeprefix("input should be ") for message in messages[1:])
    expected = " or ".join([messages[0], *others])
    value = first["input"]
    return f"{key}: {expected}, not {SHORT.repr(value)}{_hint(value, {e['type'] for e in same})}"


def _hint(value: Any, faults: set[str]) -> str:
    """The fix where YAML reads a word as another type than the user means."""
    read = scalar(value) if isinstance(value, str) else value
    if isinstance(value, bool) and faults & {"string_type", "literal_error"}:
        return "; YAML reads on and yes as True, off and no as False, so put a word in quotes"
    if value is None and faults == {"string_type"}:
        return "; YAML reads null and ~ as nothing, so put a word in quotes"
    if isinstance(value, int | float) and faults == {"string_type"}:
        return "; put it in quotes, in a config file"
    wanted = {"bool_type"} if isinstance(read, bool) else {"int_type", "float_type"}
    unquoted = isinstance(read, int | float) and read is not value and faults & wanted
    return "; leave out the quotes" if unquoted else ""


def _path(raw: Any, error: Any) -> list[str]:
    """The keys of the file that lead to an error, or to a key that is missing."""
    return keys_of(raw, error) + [str(error["loc"][-1])] * (error["type"] == "missing")


def keys_of(raw: Any, error: Any) -> list[str]:
    """The keys of a config that lead to an error, without the types that pydantic has tried."""
    keys = []
    for part in error["loc"]:
        is_key = isinstance(raw, Mapping) and part in raw
        if is_key or (isinstance(raw, list) and isinstance(part, int)):
            raw = raw[part]
            keys.append(str(part))
    return keys


def _message(error: Any) -> str:
    text = error["msg"].removeprefix("Value error, ")
    for superfluous in (" after validation", " or instance of"):
        text = text.partition(superfluous)[0]
    return str(text[0].lower() + text[1:])


def _guess(schema: Any, loc: Sequence[int | str]) -> str:
    """The key that was perhaps meant, of those in the settings at `loc`."""
    for part in loc[:-1]:  # through mappings and lists of settings
        is_settings = isinstance(schema, type) and issubclass(schema, Settings)
        schema = schema.model_fields[part].annotation if is_settings else get_args(schema)[-1]
    keys = sorted(schema.model_fields)
    near = difflib.get_close_matches(str(loc[-1]), keys, n=1)
    return f"; did you mean {near[0]}?" if near else f"; remove it, or use one of {', '.join(keys)}"
