"""Reads the values of `snakemake --config` as a config file would have them.

Snakemake splits KEY=VALUE itself. Inside a list or mapping it leaves every value as text, and of
words it reads True and False alone.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from zowarmup.config.phase import Settings
from zowarmup.config.validation import keys_of
from zowarmup.config.yaml_file import merge, scalar

Keys = tuple[str, ...]
TEXT_IS_RIGHT = ("string_type", "missing")  # missing: `null` takes a key out


def typed(schema: type[Settings], below: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """The values with numbers, truth values and None in place of their texts.

    A text stays one where the schema wants it: a label may be 2024.

    Args:
        below: the config that the values will be laid over.
    """
    values = _read(given, set())
    try:
        schema.model_validate(merge(below, values))
    except ValidationError as error:
        whole = merge(below, given)
        errors = [e for e in error.errors() if e["type"] in TEXT_IS_RIGHT]
        return _read(given, {tuple(keys_of(whole, e)) for e in errors})
    return values


def _read(value: Any, texts: set[Keys], at: Keys = ()) -> Any:
    if isinstance(value, Mapping):
        return {key: _read(inner, texts, (*at, str(key))) for key, inner in value.items()}
    if isinstance(value, list):
        return [_read(inner, texts, (*at, str(i))) for i, inner in enumerate(value)]
    return scalar(value) if isinstance(value, str) and at not in texts else value
