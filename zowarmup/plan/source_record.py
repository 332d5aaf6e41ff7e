"""source.json beside a dataset.npz: the hashes of the files that the data set was made from.

Snakemake compares the value of `compared` with the one when the data set was made. A file with
other contents changes the value; a file that was moved, touched or removed does not.
"""

import hashlib
import json
from pathlib import Path

from zowarmup.common.code_digest import code_digest
from zowarmup.common.errors import UserError, reading
from zowarmup.common.file_hashes import sha256
from zowarmup.common.files import atomic_write_text, read_json
from zowarmup.config import data_files
from zowarmup.config.datasets import PLACES, AnyDataset, FileData
from zowarmup.config.phase import Settings

NAME = "source.json"
MEMORY = ".file-hashes.json"  # in results/

Contents = dict[str, str]  # sha256 by the file's name


class Record(Settings):
    """The origin of a data set."""

    files: Contents  # as they were read
    compared: str  # the value of `compared` when Snakemake started the job
    folder: str | None  # of the files; None without files
    code: str | None = None  # digest of the Python file that made the arrays, if one did
    settings: AnyDataset  # of the config


def contents(settings: AnyDataset, folder: Path | None, data: str | Path) -> Contents:
    """The hash of each file that a data set is made from; {} if one is missing or unreadable.

    Args:
        folder: of the files, see `data_files`.
        data: results/<name>/datasets/<dataset>/dataset.npz; the hashes are kept in results/.
    """
    memory = Path(data).parents[3] / MEMORY
    try:
        paths = data_files.files(settings, folder)
        return {name: sha256(file, memory) for name, file in paths.items()}
    except OSError:
        return {}


def compared(data: str | Path, settings: AnyDataset) -> str:
    """Return a hash of the contents of a source's files, "" while there are no files.

    While the files are gone or those of the record, return the value when the data set was made.
    That value is "" for a download, because Snakemake asks before the job downloads the files.
    """
    now = _digest(contents(settings, _folder(settings), data))
    try:
        record = read(data)
    except UserError:
        return now
    return record.compared if now in ("", _digest(record.files)) else now


def write(data: str | Path, files: Contents, compared: str, settings: AnyDataset) -> None:
    """Write the record of a data set; see `Record`."""
    folder = data_files.place(settings)
    place = str(folder.absolute()) if files and folder else None
    record = Record(
        files=files, compared=compared, folder=place, code=_code(settings), settings=settings
    )
    atomic_write_text(Path(data).with_name(NAME), record.model_dump_json(indent=1) + "\n")


def read(data: str | Path) -> Record:
    """Return the record of a data set.

    Raises:
        UserError: the record is missing or damaged.
    """
    path = Path(data).with_name(NAME)
    with reading(path):
        return Record(**read_json(path))


def replaced(data: str | Path, settings: AnyDataset | None = None) -> str:
    """Return a sentence about a data set whose source now has other contents or code, else "".

    Args:
        settings: by default those of the record; the config may have another folder by now.
    """
    record = read(data)
    present = settings or record.settings
    folder = _folder(present)
    if settings is None and record.folder and not data_files.files(present, folder):
        folder = Path(record.folder)
    if record.code and (code := _code(present)) and code != record.code:
        return f"{data}: it was not made by the present code of {data_files.title(present)}"
    now = contents(present, folder, data)
    other = [name for name in now if now[name] != record.files.get(name)]
    if not other and len(now) in (0, len(record.files)):
        return ""
    names = ", ".join((other or [*record.files])[:3]) + " ..." * (len(other) > 3)
    return f"{data}: it was not made from the present contents of {names} in {folder}"


def reconfigured(data: str | Path, settings: AnyDataset) -> str:
    """Return a sentence about a data set whose settings in the config have changed, else ""."""
    record = read(data).settings
    then, now = record.model_dump(exclude=set(PLACES)), settings.model_dump(exclude=set(PLACES))
    if type(record) is not type(settings):
        then, now = {"data of": data_files.title(record)}, {"data of": data_files.title(settings)}
    for key in sorted(then.keys() | now.keys()):
        if then.get(key) != now.get(key):
            sentence = f"it was made with {key} {then.get(key)}"
            return f"{data}: {sentence}, but the config says {now.get(key)}"
    return ""


def _code(settings: AnyDataset) -> str | None:
    """Return the digest of the Python file of a data set, if it has one that can be parsed."""
    if not isinstance(settings, FileData):
        return None
    try:
        return code_digest([settings.file])
    except UserError:
        return None


def _folder(settings: AnyDataset) -> Path | None:
    """Return the folder of the files; None if its path names an unknown user."""
    try:
        return data_files.place(settings)
    except UserError:
        return None


def _digest(files: Contents) -> str:
    if not files:
        return ""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
