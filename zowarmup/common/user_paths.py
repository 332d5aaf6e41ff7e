"""Files and folders that a user names, checked before any work."""

import os
from collections.abc import Iterable
from pathlib import Path

from zowarmup.common.errors import UserError


def expanded(path: str | Path, name: str) -> Path:
    """Return the path with `~` or `~user` replaced by the home folder.

    Raises:
        UserError: there is no such user; the message begins with `name`, the setting to change.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(
            f"{name}: {path}: this user has no home folder; give the whole path"
        ) from None


def folder(path: str | Path, name: str) -> Path:
    """Return the expanded path of a folder that exists or can be created.

    Raises:
        UserError: the path is empty or not valid, or a part of it is not a folder.
    """
    whole = expanded(path, name)
    if not str(path).strip() or "\0" in str(path):
        raise UserError(f"{name}: {str(path)!r} names no folder; give its path, such as results")
    for part in (*reversed(whole.parents), whole):
        try:
            os.lstat(part)
        except FileNotFoundError:
            break
        except OSError as error:
            raise UserError(f"{part}: {error.strerror}; name another folder") from None
        if not os.path.isdir(part):  # a file, or a link to nowhere
            raise UserError(f"{part}: is no folder; move it away or name another folder")
    return whole


def find(key: str, name: str, configs: Iterable[Path | str], checkout: Path | str) -> str:
    """Find a file: at the path as given, else beside a config, else in the checkout.

    Args:
        key: the config's key, whose value is `name`.
        configs: the files given on the command line; the folder of the last is searched first.
        checkout: the folder of the Snakefile.

    Raises:
        UserError: none of these folders has the file.
    """
    folders = [*(Path(config).parent for config in reversed(list(configs))), Path(checkout)]
    for path in (name, *(str(folder / name) for folder in folders)):
        if Path(path).is_file():
            return path
    looked = ", ".join(dict.fromkeys(map(str, (Path.cwd(), *folders))))
    raise UserError(f"{key}: {name}: no such file in {looked}; give a path that exists")
