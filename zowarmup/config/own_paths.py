"""The paths of a user's own files in a config, which are relative to the file that names them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zowarmup.common.user_paths import expanded
from zowarmup.config.datasets import PLACES

# Where a config names files of the user's own: the key of a section, and the keys of an entry.
ENTRIES = {
    "networks": ("file",),
    "algorithms": ("file",),
    "datasets": tuple(PLACES - {"data_dir"}),  # that one is relative to the current folder
}


def anchored(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the content of a config file with paths relative to the current folder.

    A path below the current folder stays relative, so that a project can move; others are absolute.

    Args:
        folder: of the config file.
    """
    changed = dict(content)
    if isinstance(model := changed.get("model"), Mapping):
        changed["model"] = _entry(model, ("file",), folder)
    for section, keys in ENTRIES.items():
        if isinstance(entries := changed.get(section), Mapping):
            changed[section] = {name: _entry(e, keys, folder) for name, e in entries.items()}
    if isinstance(selection := changed.get("selection"), Mapping):
        changed["selection"] = _beside(selection, folder)
    return changed


def _beside(selection: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Anchor the file of trials, which is looked up elsewhere too, if it lies in this folder."""
    name = selection.get("trials")
    if not isinstance(name, str) or not name.strip():
        return selection
    beside = (folder / expanded(name, "selection.trials")).is_file()
    return {**selection, "trials": _path(name, folder)} if beside else selection


def _entry(entry: Any, keys: tuple[str, ...], folder: Path) -> Any:
    if not isinstance(entry, Mapping):  # the schema says what is wrong with it
        return entry
    return {key: _path(v, folder) if key in keys else v for key, v in entry.items()}


def _path(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_path(one, folder) for one in value]
    if not isinstance(value, str) or not value.strip():
        return value
    path, current = os.path.abspath(folder / expanded(value, "file")), os.getcwd()
    return os.path.relpath(path, current) if Path(path).is_relative_to(current) else path
