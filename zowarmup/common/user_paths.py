"""Folders that a user names, checked before any work."""

import os
import stat
from pathlib import Path

from zowarmup.common.errors import UserError


def expanded(path: str | Path, name: str) -> Path:
    """The path with the home folder in the place of `~` or `~user`.

    Args:
        name: what the user has set, e.g. `data_dir`.

    Raises:
        UserError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(
            f"{name}: {path}: this user has no home folder; give the whole path"
        ) from None


def folder(path: str | Path, name: str) -> Path:
    """The expanded path of a folder that exists or can be created.

    Raises:
        UserError: the name is empty or not valid, or part of the path is no folder.
    """
    whole = expanded(path, name)
    if not str(path).strip():
        raise UserError(f"{name}: no folder is named; give its path, for instance results")
    for part in (*reversed(whole.parents), whole):
        if not _exists(part):
            break
    return whole


def _exists(part: Path) -> bool:
    try:
        if stat.S_ISDIR(os.stat(part).st_mode):
            return True
    except FileNotFoundError:
        if not os.path.islink(part):
            return False
        raise UserError(
            f"{part}: links to {os.readlink(part)}, which does not exist; create that folder or "
            "remove the link"
        ) from None
    except OSError as error:
        raise UserError(f"{part}: {error.strerror}; name another folder") from None
    except ValueError:
        raise UserError(f"{str(part)!r}: no path has such a character; leave it out") from None
    raise UserError(f"{part}: is no folder; move it away or name another folder")
