"""Reads YAML as people mean it: no key twice, 1e-4 is a number, `extends` for small configs."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from zowarmup.common.errors import STRANGE, UserError

LONGEST_FILE = 10_000_000  # characters


class ConfigError(UserError):
    """A config that cannot be run; the message names the file, the key and the fix."""


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads 1e-4 as a number and a date as text, as YAML 1.2 does.

    It refuses a key that is given twice or is no text, and a number that YAML 1.2 and people read
    as a different one.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = []  # no set: a key may be unhashable, which the parent reports
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                continue  # the keys of this mapping override the merged ones
            key = self.construct_object(key_node, deep=True)
            if isinstance(key_node, yaml.ScalarNode) and not isinstance(key, str):
                raise ConfigError(
                    f"{_place(key_node)}: YAML reads this key as {key}; put it in quotes"
                )
            if key in seen:
                raise ConfigError(
                    f"{_place(key_node)}: this name is given twice; rename one of them"
                )
            seen.append(key)
        return super().construct_mapping(node, deep)

    def number(self, node: yaml.ScalarNode) -> int | float:
        """The number that a text stands for, unless 50:50 became 3050 or 010 became 8."""
        make = self.construct_yaml_int if node.tag == INT else self.construct_yaml_float
        value: int | float = make(node)
        text = node.value.replace("_", "")
        meant = text.replace(":", "/")
        if text.lstrip("+-").isdecimal():
            meant = str(int(text))
        if ":" in text or (meant != text and int(text) != value):
            raise ConfigError(
                f"{_place(node)}: YAML reads this as the number {value}; type {meant} if you mean "
                f"that, {value} if you mean this number, or put it in quotes"
            )
        return value


MERGE, NULL, BOOL, INT, FLOAT, DATE = (
    f"tag:yaml.org,2002:{kind}" for kind in ("merge", "null", "bool", "int", "float", "timestamp")
)

_Loader.add_implicit_resolver(
    FLOAT, re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != DATE]
    for first, rules in _Loader.yaml_implicit_resolvers.items()
}
for tag in (INT, FLOAT):
    _Loader.add_constructor(tag, _Loader.number)


def _place(node: yaml.ScalarNode) -> str:
    return f"line {node.start_mark.line + 1}: {node.value}"


def scalar(text: str) -> Any:
    """The value of a word without quotes in a config file: number, truth value, None or text."""
    loader = _Loader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    if tag not in (NULL, BOOL, INT, FLOAT):
        return text
    try:
        return loader.construct_object(yaml.ScalarNode(tag, text, loader.get_mark()))
    except (ConfigError, ValueError):  # 50:50, 010, a million digits
        return text


def read_yaml(file: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The content of a config file, laid over the file that it `extends`, if any.

    Raises:
        ConfigError: no such file, not YAML, a duplicate key, not a mapping, or a circle of files.
    """
    content = _parse(file)
    if file.resolve() in above:
        raise ConfigError(f"{file}: extends: these files extend each other; break the circle")
    base = content.pop("extends", None)
    if base is None:
        return content
    return merge(read_yaml(file.parent / str(base), (*above, file.resolve())), content)


def _parse(file: Path) -> dict[str, Any]:
    try:
        content = yaml.load(_text(file), _Loader)
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such file; give the path of a config") from None
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error}); give the path of a config") from None
    # A date without its month, a number of a million digits, lists ten thousand deep.
    except (yaml.YAMLError, *STRANGE) as error:
        raise ConfigError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: a config is a mapping of keys to values")
    return content


def _text(file: Path) -> str:
    with file.open(encoding="utf-8") as opened:
        text = opened.read(LONGEST_FILE)  # a device may have no end
    if len(text) == LONGEST_FILE:
        raise ConfigError("too long for a config; give the path of one")
    return text


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`: mappings are merged key by key, everything else is replaced.

    A value of null takes a key out, so that a small config can drop a study of the one it extends.
    """
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged
