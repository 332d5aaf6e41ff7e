"""Reading YAML as people mean it: no key twice, 1e-4 is a number, `extends` for small configs."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from zowarmup.settings.errors import STRANGE, UserError

KINDS = {bool: "true or false", int: "a number", float: "a number", type(None): "nothing"}


class ConfigError(UserError):
    """A config that cannot be run; the message names the file, the key and the mend."""


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses duplicate keys and reads 1e-4 as a number, as YAML 1.2 does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = []  # no set: a key may be unhashable, which the parent reports
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key_node, yaml.ScalarNode) and not isinstance(key, str):
                raise ConfigError(
                    f"line {line}: {key_node.value}: YAML reads this name as "
                    f"{KINDS.get(type(key), 'no text')}; put it in quotes, or choose another"
                )
            if key in seen:
                raise ConfigError(
                    f"line {line}: {key}: this name is given twice; rename one of them"
                )
            seen.append(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def read_yaml(file: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The content of a config file, laid over the file that it `extends`, if any.

    Raises:
        ConfigError: not found, not YAML, a duplicate key, not a mapping, or a circle of files.
    """
    if file.resolve() in above:
        raise ConfigError(f"{file}: extends: these files extend each other; break the circle")
    content = _parse(file)
    base = content.pop("extends", None)
    if base is None:
        return content
    return merge(read_yaml(file.parent / str(base), (*above, file.resolve())), content)


def _parse(file: Path) -> dict[str, Any]:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), _Loader)
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
