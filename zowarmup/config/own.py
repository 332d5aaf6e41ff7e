"""The networks, methods and data in files of the user's own that a config names.

    networks:   {mine: {file: my_net.py, build: Net, hidden: 64}}
    algorithms: {mine: {file: my_method.py, class: Mine, lr: 0.1}}
    datasets:   {mine: {file: my_data.py, load: make}}

Their files are read here, but not run: that would import torch.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from functools import cache

from zowarmup.common import user_code
from zowarmup.common.errors import UserError
from zowarmup.config.datasets import FileData
from zowarmup.config.phase import Phase
from zowarmup.config.phase_settings import PHASES, annotations, is_dataclass, settings_of
from zowarmup.config.registry import ALGORITHMS, NETWORKS
from zowarmup.config.schema import Config, Value
from zowarmup.config.yaml_file import ConfigError

RESERVED = (*Phase.model_fields, "source", "file", "until")  # keys of phases and algorithms
KEYS = ("file", "class")  # of an algorithm of the user's own, beside its settings


def phases_of(config: Config) -> Mapping[str, type[Phase]]:
    """The settings of every algorithm that the phases of a config can name.

    Raises:
        ConfigError: an algorithm of the user's own cannot be read.
    """
    return PHASES | {name: _settings(name, entry) for name, entry in _entries(config).items()}


def settings_in(config: Config, algorithm: str) -> dict[str, Value]:
    """The settings that the section `algorithms` gives the phases of an algorithm."""
    given = config.algorithms.get(algorithm, {})
    return {key: v for key, v in given.items() if "file" not in given or key not in KEYS}


def networks_of(config: Config) -> list[str]:
    """The names of the networks that a config can use."""
    return [*config.networks, *NETWORKS]


def check_files(config: Config) -> None:
    """Check that each file of the user's own exists and has what the config names.

    Raises:
        ConfigError: names the key, the file and the fix.
    """
    for name, network in config.networks.items():
        where = f"networks.{name}"
        _check_new(where, name, NETWORKS)
        _check_name(where, "build", network.file, network.build)
    for name, data in config.datasets.items():
        if isinstance(data, FileData):
            _check_name(f"datasets.{name}", "load", data.file, data.load)
    for name, entry in _entries(config).items():
        _check_new(f"algorithms.{name}", name, ALGORITHMS)
        _check_name(f"algorithms.{name}", "class", *entry.rsplit(":", 1))
        _settings(name, entry)


def _entries(config: Config) -> dict[str, str]:
    """The entries of the user's own algorithms, as in `registry.ALGORITHMS`."""
    entries = {}
    for name, given in config.algorithms.items():
        if any(key in given for key in KEYS):
            for key in KEYS:
                if not isinstance(given.get(key), str):
                    raise ConfigError(
                        f"algorithms.{name}.{key}: give a text; an algorithm of your own needs "
                        "`file: my_method.py` and `class: Name`"
                    )
            entries[name] = f"{given['file']}:{given['class']}"
    return entries


def _settings(name: str, entry: str) -> type[Phase]:
    file = entry.rpartition(":")[0]
    try:
        return _read(entry, os.stat(file).st_mtime_ns)
    except OSError as error:
        raise ConfigError(f"algorithms.{name}.file: {file}: {error.strerror}") from None
    # The class is missing, a type is unknown, or a default is no plain value.
    except (TypeError, ValueError) as error:
        raise ConfigError(f"algorithms.{name}: {error}") from None


@cache
def _read(entry: str, changed: int) -> type[Phase]:
    settings = settings_of(entry)
    for field in annotations(entry):
        if field != "lr" and (field in RESERVED or field.startswith("_") or hasattr(Phase, field)):
            raise TypeError(f"{entry}: no setting can be called {field}; rename the field")
    if not is_dataclass(entry):
        raise TypeError(f"{entry}: write @dataclass(frozen=True) before the class")
    if "lr" not in annotations(entry):
        raise TypeError(f"{entry}: has no learning rate; add the field `lr: Rate`")
    return settings


def _check_new(where: str, name: str, table: Iterable[str]) -> None:
    if name in table:
        raise ConfigError(f"{where}: there is a built-in {name} already; choose another name")


def _check_name(where: str, key: str, file: str, name: str) -> None:
    if not file.endswith(".py"):
        raise ConfigError(f"{where}.file: {file}: give a Python file, whose name ends in .py")
    try:
        names = user_code.names_in(file)
        user_code.files_of(file)
    except UserError as error:
        raise ConfigError(f"{where}.file: {error}") from None
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        fix = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(names)) or '-'}"
        raise ConfigError(f"{where}.{key}: {file} has no {name}; {fix}")
