"""source.json beside a dataset.npz: the hashes of the files that the data set was made from.

Snakemake compares the value of `compared` with the one when the data set was made. A file with
other contents changes the value; a file that was moved, touched or removed does not.
"""

import hashlib
import json
from pathlib import Path

from zowarmup.common.errors import UserError, reading
from zowarmup.common.file_hashes import sha256
from zowarmup.common.files import atomic_write_text, read_json
from zowarmup.config.phase import Settings
from zowarmup.config.schema import Dataset
from zowarmup.config.source_files import files_of, folder_of

NAME = "source.json"
MEMORY = ".file-hashes.json"  # in results/

Contents = dict[str, str]  # sha256 by the file's name


class Record(Settings):
    """The origin of a data set."""

    files: Contents  # as they were read
    compared: str  # the value of `compared` when Snakemake started the job
    folder: str | None  # of the files; None without files
    settings: Dataset  # of the config


def contents(source: str, folder: Path | None, data: str | Path) -> Contents:
    """The hash of each file that a source reads; {} if one is missing or cannot be read.

    Args:
        data: results/<name>/datasets/<dataset>/dataset.npz; the hashes are kept in results/.
    """
    memory = Path(data).parents[3] / MEMORY
    try:
        return {file.name: sha256(file, memory) for file in files_of(source, folder)}
    except OSError:
        return {}


def compared(data: str | Path, settings: Dataset) -> str:
    """Return a hash of the contents of a source's files, "" while there are no files.

    While the files are gone or those of the record, return the value when the data set was made.
    That value is "" for a download, because Snakemake asks before the job downloads the files.
    """
    now = _digest(contents(settings.source, _folder(settings), data))
    try:
        record = read(data)
    except UserError:
        return now
    return record.compared if now in ("", _digest(record.files)) else now


def write(data: str | Path, files: Contents, compared: str, settings: Dataset) -> None:
    """Write the record of a data set; see `Record`."""
    folder = folder_of(settings.data_dir)
    place = str(folder.absolute()) if files and folder else None
    record = Record(files=files, compared=compared, folder=place, settings=settings)
    atomic_write_text(Path(data).with_name(NAME), record.model_dump_json(indent=1) + "\n")


def read(data: str | Path) -> Record:
    """Return the record of a data set.

    Raises:
        UserError: the record is missing or damaged.
    """
    path = Path(data).with_name(NAME)
    with reading(path):
        return Record(**read_json(path))


def replaced(data: str | Path, settings: Dataset | None = None) -> str:
    """Return a sentence about a data set whose source now has other contents, else "".

    Args:
        settings: by default those of the record; the config may have another folder by now.
    """
    record = read(data)
    source, folder = record.settings.source, _folder(settings or record.settings)
    if settings is None and record.folder and not files_of(source, folder):
        folder = Path(record.folder)
    now = contents(settings.source if settings else source, folder, data)
    other = [name for name in now if now[name] != record.files.get(name)]
    if not other and len(now) in (0, len(record.files)):
        return ""
    names = ", ".join((other or [*record.files])[:3]) + " ..." * (len(other) > 3)
    return f"{data}: it was not made from the present contents of {names} in {folder}"


def reconfigured(data: str | Path, settings: Dataset) -> str:
    """Return a sentence about a data set whose settings in the config have changed, else ""."""
    then, now = read(data).settings.model_dump(), settings.model_dump()
    for key in now.keys() - {"data_dir"}:
        if then[key] != now[key]:
            return f"{data}: it was made with {key} {then[key]}, but the config says {now[key]}"
    return ""


def _folder(settings: Dataset) -> Path | None:
    """Return the data folder; None if its path names an unknown user."""
    try:
        return folder_of(settings.data_dir)
    except UserError:
        return None


def _digest(files: Contents) -> str:
    if not files:
        return ""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
