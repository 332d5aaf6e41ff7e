"""Check a user's values against a schema; an error says in one sentence what is wrong."""

import difflib
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from pydantic import Tag, ValidationError

from zowarmup.common.errors import LONGEST
from zowarmup.config.phase import Settings
from zowarmup.config.yaml_file import ConfigError, scalar

SHORT = reprlib.Repr()  # a value may be a page of text, or contain itself
NUMERIC = {"bool_type", "int_type", "float_type"}  # errors of pydantic
SHORT.maxstring = SHORT.maxlong = SHORT.maxother = LONGEST


def check(schema: type[Settings], raw: Any, name: Callable[[str], str]) -> Any:
    """Return the settings object for `raw`.

    Args:
        name: returns a key as messages show it, e.g. after the name of the file.

    Raises:
        ConfigError: names the key, the fault and the fix.
    """
    try:
        return schema.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(_sentence(schema, raw, error.errors(), name)) from None


def _sentence(
    schema: type[Settings], raw: Any, errors: Sequence[Any], name: Callable[[str], str]
) -> str:
    """Describe the most telling error: an unknown key, or else the most deeply nested error."""
    first = min(errors, key=lambda e: (e["type"] != "extra_forbidden", -len(keys_of(raw, e))))
    keys = keys_of(raw, first)
    key = name(".".join(keys))
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key{_guess(schema, first['loc'])}"
    if first["type"] == "missing":
        return f"{key}: this key is required; add it"
    # A value that may be of several types fails once for each of them.
    same = [error for error in errors if keys_of(raw, error) == keys]
    messages = [_message(error) for error in same]
    others = (message.removeprefix("input should be ") for message in messages[1:])
    expected = " or ".join([messages[0], *others])
    value = first["input"]
    return f"{key}: {expected}, not {SHORT.repr(value)}{_hint(value, {e['type'] for e in same})}"


def _hint(value: Any, faults: set[str]) -> str:
    """Return the fix if YAML reads a word as another type than the user means."""
    if faults == {"string_type"} and (value is None or isinstance(value, int | float)):
        return "; put it in quotes (in a config file)"
    numeric = isinstance(value, str) and isinstance(scalar(value), int | float)
    return "; leave out the quotes" if numeric and faults & NUMERIC else ""


def keys_of(raw: Any, error: Any) -> list[str]:
    """Return the config's keys that lead to a wrong value or a missing key.

    The path in the error of pydantic also contains the types that were tried.
    """
    keys = []
    for part in error["loc"]:
        is_key = isinstance(raw, Mapping) and part in raw
        if is_key or (isinstance(raw, list) and isinstance(part, int)):
            raw = raw[part]
            keys.append(str(part))
        elif error["type"] == "missing" and part == error["loc"][-1]:
            keys.append(str(part))
    return keys


def _message(error: Any) -> str:
    text = error["msg"].removeprefix("Value error, ")
    for superfluous in (" after validation", " or instance of"):
        text = text.partition(superfluous)[0]
    return str(text[0].lower() + text[1:])


def _guess(schema: Any, loc: Sequence[int | str]) -> str:
    """Suggest the key that was perhaps meant, among the keys of the settings at `loc`."""
    for part in loc[:-1]:  # through mappings, lists and kinds of settings
        schema = _inside(schema, part)
    keys = sorted(schema.model_fields)
    near = difflib.get_close_matches(str(loc[-1]), keys, n=1)
    return f"; did you mean {near[0]}?" if near else f"; remove it, or use one of {', '.join(keys)}"


def _inside(schema: Any, part: int | str) -> Any:
    """Return the type of a part of a value: a field, an item, or the kind with this tag."""
    if isinstance(schema, type) and issubclass(schema, Settings):
        return schema.model_fields[str(part)].annotation
    first, *rest = get_args(schema)
    tagged = [kind for kind in get_args(first) if Tag(str(part)) in get_args(kind)]
    return get_args(tagged[0])[0] if tagged else [first, *rest][-1]
