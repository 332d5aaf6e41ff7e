"""Read the values of `snakemake --config` as if they stood in a config file.

Snakemake splits KEY=VALUE itself. It leaves every value inside a list or mapping as text, and the
only words that it reads are True and False.
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
    """Return the values of `given` with numbers, truth values and None read from their texts.

    A value stays text where the schema wants text: a label may be 2024.

    Args:
        below: the config that the values override.
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
