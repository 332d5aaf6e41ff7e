"""Texts of natural clients: a folder, a play that is divided by speaker, or JSON lines."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from zowarmup.common.errors import cause
from zowarmup.config import data_files
from zowarmup.config.datasets import TextData
from zowarmup.data.arrays import LONGEST_LIST, DataError

Piece = tuple[str, str]  # the name of a client, and a text of this client

# The first line of a speech: the speaker, all of whose words begin with capitals, then perhaps the
# first words of the speech.
SPEAKERS = {
    "colon": re.compile(r"\s*([A-Z][\w.'’-]*(?: [A-Z\d][\w.'’-]*){0,4}):(?:\s+(.*))?$"),
    "capitals": re.compile(r"\s*([A-Z][A-Z.'’-]+(?: [A-Z\d][A-Z.'’-]*){0,4})()$"),
}


def read(settings: TextData) -> dict[str, str]:
    """Return the text of each client by its name.

    Raises:
        DataError: names the file, the line and the fix.
    """
    texts: dict[str, list[str]] = defaultdict(list)
    for client, text in _pieces(Path(settings.text), settings):
        texts[client].append(text)
    return {client: "\n".join(own) for client, own in texts.items()}


def _pieces(path: Path, settings: TextData) -> Iterator[Piece]:
    if path.is_dir():
        if settings.speakers or settings.field:
            raise DataError(
                f"{path} is a folder, whose files or sub folders are the clients; leave out "
                "`speakers`, `field` and `client`, or name a file"
            )
        return _of_folder(path)
    if settings.field is not None:
        return _of_lines(path, settings.field, str(settings.client))
    if settings.speakers is None:
        raise DataError(
            f"{path} is one text, so it does not say who the clients are; give `speakers` for a "
            "play, `field` and `client` for JSON lines, or a folder with a file for each client"
        )
    return _of_play(path, SPEAKERS[settings.speakers])


def _of_folder(folder: Path) -> Iterator[Piece]:
    """Each file or sub folder is a client, whose files follow each other in the order of names."""
    if not (paths := data_files.texts(folder)):
        raise DataError(f"{folder}: there is no file; put the text of each client there")
    for path in paths:
        yield path.relative_to(folder).parts[0], _text(path)


def _of_play(path: Path, first_line: re.Pattern[str]) -> Iterator[Piece]:
    """Each speaker is a client; what comes before the first speech is left out.

    A line with a name alone counts only after a blank line: others end with a colon, too.
    """
    speaker, before = "", ""
    for line in _text(path).splitlines():
        match = first_line.match(line)
        if match and (match[2] or not before.strip()):
            speaker, words = match[1].strip(" ."), match[2] or ""
        else:
            words = line
        if speaker and words.strip():
            yield speaker, words
        before = line
    if not speaker:
        raise DataError(
            f"{path}: no line names a speaker; with `speakers: colon` a line begins with `Name:`, "
            "with `speakers: capitals` it holds a name in capital letters alone"
        )


def _of_lines(path: Path, field: str, client: str) -> Iterator[Piece]:
    for i, line in enumerate(_text(path).split("\n"), start=1):
        if line.strip():
            row = _object(line, f"{path}: line {i}")
            names = [row.get(name) for name in (field, client)]
            for name, value in zip((field, client), names, strict=True):
                if not isinstance(value, str) or not value:
                    has = ", ".join(map(str, row))[:LONGEST_LIST]
                    raise DataError(
                        f"{path}: line {i}: the field {name} is {value!r:.60} but must be a text; "
                        f"name one of its fields: {has}"
                    )
            yield str(names[1]), str(names[0])


def _object(line: str, where: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: is no JSON ({cause(error)}); write one object a line") from None
    if not isinstance(row, dict):
        raise DataError(f"{where}: is a {type(row).__name__}; write one JSON object a line")
    return row


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise DataError(
            f"{path}: is no text in UTF-8; save it as UTF-8, or move it out of the folder"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; put the text there") from None
