"""The files that a data set of any kind is made from, by their names in its record."""

import os
from collections.abc import Sequence
from pathlib import Path

from zowarmup.config.datasets import AnyDataset, Dataset, FileData, FolderData
from zowarmup.config.source_files import files_of, folder_of

IMAGES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
PARTS = ("train", "test")  # the folders of images that are divided already


def title(settings: AnyDataset) -> str:
    """The source, file, folder or table of a data set, as the config names it."""
    match settings:
        case Dataset():
            return settings.source
        case FileData():
            return settings.file
        case FolderData():
            return settings.folder
    return settings.table


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
    paths = named(settings)
    return Path(os.path.commonpath([path.parent for path in paths])) if paths else None


def named(settings: AnyDataset) -> list[Path]:
    """The single files that the config names, without the Python file, whose code counts."""
    match settings:
        case Dataset() | FolderData():
            return []
        case FileData():
            return [Path(file) for file in settings.files]
    return [Path(file) for file in (settings.table, settings.test_table) if file]


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
            return {str(file.relative_to(folder)): file for file in images(folder)}
    names = [os.path.relpath(file, place(settings)) for file in named(settings)]
    paths = {name: folder / name for name in names}
    return paths if all(map(os.path.isfile, paths.values())) else {}


def images(folder: Path) -> Sequence[Path]:
    """Every image below a folder, sorted; hidden files and folders are left out."""
    inside: list[Path] = []
    for root, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        kept = (n for n in names if n.lower().endswith(IMAGES) and not n.startswith("."))
        inside += [Path(root, name) for name in kept]
    return sorted(inside)
