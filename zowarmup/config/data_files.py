"""The files that a data set of any kind is made from, by their names in its record."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

from zowarmup.config.datasets import (
    AnyDataset,
    Dataset,
    Docstrings,
    FileData,
    FolderData,
    TableData,
    TextData,
)
from zowarmup.config.source_files import files_of, folder_of

IMAGES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
PARTS = ("train", "test")  # the folders of images that are divided already
# Modules that differ between machines on which the same version of a package is installed.
BUILT = ("__config__.py", "version.py", "_version.py", "_distributor_init.py")


def title(settings: AnyDataset) -> str:
    """The source, file, folder or table of a data set, as the config names it."""
    match settings:
        case Dataset():
            return settings.source
        case FileData():
            return settings.file
        case FolderData():
            return settings.folder
        case TextData():
            return settings.text
        case Docstrings():
            return f"docstrings of {settings.docstrings}"
        case TableData():
            return settings.table


def base_name(path: str) -> str:
    """The name of a file or folder, whichever folder its path starts from; that of "." too."""
    return Path(os.path.abspath(path)).name


def place(settings: AnyDataset) -> Path | None:
    """The folder that the names of the files are relative to; None for a source without one.

    Raises:
        UserError: the path of the data folder names an unknown user.
    """
    match settings:
        case Dataset():
            return folder_of(settings.data_dir)
        case FolderData():
            return Path(settings.folder)
        case TextData() if os.path.isdir(settings.text):
            return Path(settings.text)
        case Docstrings():
            return package(settings.docstrings)
    paths = named(settings)
    return Path(os.path.commonpath([path.parent for path in paths])) if paths else None


def named(settings: AnyDataset) -> list[Path]:
    """The single files that the config names, without the Python file, whose code counts."""
    match settings:
        case FileData():
            return [Path(file) for file in settings.files]
        case TableData():
            return [Path(file) for file in (settings.table, settings.test_table) if file]
        case TextData() if not os.path.isdir(settings.text):
            return [Path(settings.text)]
    return []


def files(settings: AnyDataset, folder: Path | None) -> dict[str, Path]:
    """Return the files by name, as they lie in `folder`; {} if one of them is missing.

    Args:
        folder: the present `place` of the files, or one that they were moved to.
    """
    if folder is None:
        return {}
    match settings:
        case Dataset():
            return {file.name: file for file in files_of(settings.source, folder)}
        case FolderData():
            return _by_name(folder, images(folder))
        case TextData() if os.path.isdir(settings.text):
            return _by_name(folder, texts(folder))
        case Docstrings():
            return _by_name(folder, modules(folder))
    names = [os.path.relpath(file, place(settings)) for file in named(settings)]
    paths = {name: folder / name for name in names}
    return paths if all(map(os.path.isfile, paths.values())) else {}


def _by_name(folder: Path, paths: Sequence[Path]) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in paths}


def images(folder: Path) -> Sequence[Path]:
    """Every image below a folder, sorted; hidden files and folders are left out."""
    return [path for path in texts(folder) if path.name.lower().endswith(IMAGES)]


def texts(folder: Path) -> Sequence[Path]:
    """Every file below a folder, sorted; hidden files and folders are left out."""
    inside: list[Path] = []
    for root, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside += [Path(root, name) for name in names if not name.startswith(".")]
    return sorted(inside)


def modules(folder: Path) -> Sequence[Path]:
    """The modules of an installed package, sorted, without its tests and what its build writes."""
    return [
        path
        for path in texts(folder)
        if path.suffix == ".py"
        and path.name not in BUILT
        and "tests" not in path.relative_to(folder).parts
    ]


def package(name: str) -> Path | None:
    """The folder of an installed package, which is not imported; None if it is not installed."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None
