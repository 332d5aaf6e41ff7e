"""What a schema says of a user's values: the settings object, or the sentence for what is wrong."""

import difflib
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from zowarmup.common.errors import LONGEST
from zowarmup.config.phase import Settings
from zowarmup.config.yaml_file import ConfigError, scalar

SHORT = reprlib.Repr()  # a value may be a page of text, or stand for itself
SHORT.maxstring = SHORT.maxlong = SHORT.maxother = LONGEST


def check(schema: type[Settings], raw: Any, name: Callable[[str], str]) -> Any:
    """The settings object for `raw`.

    Args:
        name: how the user finds a key, e.g. with the name of the file before it.

    Raises:
        ConfigError: the key, the fault and the mend.
    """
    try:
        return schema.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(_sentence(schema, raw, error.errors(), name)) from None


def _sentence(
    schema: type[Settings], raw: Any, errors: Sequence[Any], name: Callable[[str], str]
) -> str:
    """The error that says most: an unknown key, else the one that lies deepest."""
    first = min(errors, key=lambda e: (e["type"] != "extra_forbidden", -len(_keys(raw, e))))
    key = name(".".join(_keys(raw, first)))
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key{_guess(schema, first['loc'])}"
    if first["type"] == "missing":
        return f"{key}: this key is required; add it"
    # A value that may be of several types fails once for each of them.
    same = [e for e in errors if _keys(raw, e) == _keys(raw, first)]
    said = [_message(error) for error in same]
    expected = " or ".join([said[0], *(m.removeprefix("input should be ") for m in said[1:])])
    value = first["input"]
    return f"{key}: {expected}, not {SHORT.repr(value)}{_hint(value, {e['type'] for e in same})}"


def _hint(value: Any, faults: set[str]) -> str:
    """What to type where YAML has made something else of a value."""
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


def _keys(raw: Any, error: Any) -> list[str]:
    """The keys of the file that lead to an error, or to a key that is missing."""
    return keys_of(raw, error) + [str(error["loc"][-1])] * (error["type"] == "missing")


def keys_of(raw: Any, error: Any) -> list[str]:
    """The keys of a config that lead to an error; pydantic adds the types that it has tried."""
    keys = []
    for part in error["loc"]:
        known = isinstance(raw, Mapping) and part in raw
        if known or (isinstance(raw, list) and isinstance(part, int)):
            raw = raw[part]
            keys.append(str(part))
    return keys


def _message(error: Any) -> str:
    text = error["msg"].removeprefix("Value error, ")
    for superfluous in (" after validation", " or instance of"):
        text = text.partition(superfluous)[0]
    return str(text[0].lower() + text[1:])


def _guess(schema: type[Settings], loc: Sequence[int | str]) -> str:
    known = _fields(schema, loc[:-1])
    near = difflib.get_close_matches(str(loc[-1]), known, n=1)
    return (
        f"; did you mean {near[0]}?" if near else f"; remove it, or use one of {', '.join(known)}"
    )


def _fields(schema: Any, loc: Sequence[int | str]) -> list[str]:
    """The keys of the settings that lie at `loc`, through mappings and lists of such."""
    for part in loc:
        inside = isinstance(schema, type) and issubclass(schema, Settings)
        schema = schema.model_fields[part].annotation if inside else get_args(schema)[-1]
    return sorted(schema.model_fields)
