"""Read YAML with unique keys, the numbers of YAML 1.2, and `extends` for small configs."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from zowarmup.common.errors import STRANGE, UserError
from zowarmup.config.own_paths import anchored


class ConfigError(UserError):
    """A config that cannot be run; the message names the file, the key and the fix."""


class _Loader(yaml.SafeLoader):
    """SafeLoader with the numbers of YAML 1.2: 1e-4 and 010 are numbers; 50:50 and dates are text.

    It refuses a key that is given twice or is no text.
    """

    yaml_implicit_resolvers = {}  # without the rules of YAML 1.1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = []  # not a set: a key may be unhashable, which the parent class reports
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                continue  # the keys of this mapping override the merged ones
            key = self.construct_object(key_node, deep=True)
            fault = "this name is given twice; rename one of them" if key in seen else ""
            if isinstance(key_node, yaml.ScalarNode) and not isinstance(key, str):
                fault = f"YAML reads this key as {key}; put it in quotes"
            if fault:
                line = key_node.start_mark.line + 1
                raise ConfigError(f"line {line}: {key_node.value}: {fault}")
            seen.append(key)
        return super().construct_mapping(node, deep)


MERGE, NULL, BOOL, INT, FLOAT = (
    f"tag:yaml.org,2002:{kind}" for kind in ("merge", "null", "bool", "int", "float")
)
DIGITS = r"\d+(?:_\d+)*"
WORDS = {
    MERGE: "<<",
    NULL: "~|null|Null|NULL|",
    BOOL: "(?i:true|yes|on|false|no|off)",
    INT: rf"[-+]?{DIGITS}",
    FLOAT: rf"[-+]?(?:{DIGITS}\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN)",
}
for tag, words in WORDS.items():
    _Loader.add_implicit_resolver(tag, re.compile(f"(?:{words})$"), None)
_Loader.add_constructor(INT, lambda loader, node: int(node.value))


def scalar(text: str) -> Any:
    """The value of a word without quotes in a config file: number, truth value, None or text."""
    loader = _Loader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    if tag not in (NULL, BOOL, INT, FLOAT):
        return text
    try:
        return loader.construct_object(yaml.ScalarNode(tag, text, loader.get_mark()))
    except ValueError:  # a million digits
        return text


def read_yaml(file: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The content of a config file, laid over the file that it `extends`, if any.

    Raises:
        ConfigError: no such file, not YAML, a duplicate key, not a mapping, or a circle of files.
    """
    content = anchored(_parse(file), file.parent)
    if file.resolve() in above:
        raise ConfigError(f"{file}: extends: these files extend each other; break the circle")
    base = content.pop("extends", None)
    if base is None:
        return content
    return merge(read_yaml(file.parent / str(base), (*above, file.resolve())), content)


def _parse(file: Path) -> dict[str, Any]:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; give the path of a config") from None
    # For instance a date without a month, a number of a million digits, very deep lists.
    except (yaml.YAMLError, *STRANGE) as error:
        raise ConfigError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: a config is a mapping of keys to values")
    return content


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`: mappings are merged key by key, everything else is replaced.

    The value null removes a key, so a small config can drop a study of the config that it extends.
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
