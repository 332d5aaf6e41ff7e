"""source.json beside a dataset.npz: the files that it was made from, by their hashes.

Snakemake compares what `compared` returns with its value when the data set was made. A file with
other contents changes it; a file that was moved, touched or removed does not.
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
    """A hash of the contents of a source's files, "" while there are none.

    As long as the files are those of the record, or gone, it keeps its value of the time when the
    data set was made: "" after a download, which came later than Snakemake's question.
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
    """The record of a data set.

    Raises:
        UserError: no record, or a damaged one.
    """
    path = Path(data).with_name(NAME)
    with reading(path):
        return Record(**read_json(path))


def replaced(data: str | Path, settings: Dataset | None = None) -> str:
    """A sentence that begins with the data set, if its source now has other contents; else "".

    Args:
        settings: by default those of the record, whose folder the config may no longer name.
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
    return f"{data}: it was made from other contents than {names} in {folder} has now"


def reconfigured(data: str | Path, settings: Dataset) -> str:
    """A sentence that begins with the data set, if the config now says something else; else ""."""
    then, now = read(data).settings.model_dump(), settings.model_dump()
    for key in now.keys() - {"data_dir"}:
        if then[key] != now[key]:
            return f"{data}: it was made with {key} {then[key]}, but the config says {now[key]}"
    return ""


def _folder(settings: Dataset) -> Path | None:
    """The data folder; None if it is that of an unknown user."""
    try:
        return folder_of(settings.data_dir)
    except UserError:
        return None


def _digest(files: Contents) -> str:
    if not files:
        return ""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
