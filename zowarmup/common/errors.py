"""Errors that the user can mend."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
IN_THE_WAY = (errno.EEXIST, errno.ENOTEMPTY)
FAILING = (errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV)
LOST = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)

# What reading JSON of another shape, or numbers of other sizes, ends in.
STRANGE = (
    KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError,
)  # fmt: skip


LONGEST = 200  # characters of a cause that is quoted


class UserError(ValueError):
    """Bad input; the message is one sentence that names the file or key, the fault and the fix."""

    def __init__(self, sentence: str) -> None:
        # A value or a file's name that is quoted may have several lines.
        super().__init__(" ".join(sentence.splitlines()))


@contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Within, contents of a file that make no sense are an error that names it.

    Raises:
        UserError: instead of whatever they ended in.
    """
    try:
        yield
    except UserError:
        raise
    except STRANGE as error:
        raise UserError(
            f"{path}: not what this project writes ({cause(error)}); it was changed or is of "
            "another version, so let it be made again"
        ) from error


def cause(error: BaseException) -> str:
    """An exception as part of a sentence: torch and numpy may say a page of it."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:LONGEST]}"


def explain(error: BaseException) -> str | None:
    """One sentence for what the user can mend: bad input, and what the file system refuses.

    None for anything else, which is a fault of ours.
    """
    if isinstance(error, UserError):
        return str(error)
    return _refused(error) if isinstance(error, OSError) else None


def _refused(error: OSError) -> str | None:
    where = error.filename or "a file or the output"
    if error.errno in FULL:
        return (
            f"{where}: the disk is full{_free(error)}; make room, for instance with "
            "`zowarmup clean CONFIG`, and run it again: it goes on where it was"
        )
    if error.errno in CLOSED:
        return f"{where}: {error.strerror}; make it writable for this user, or work elsewhere"
    if error.errno in IN_THE_WAY:
        return f"{where}: something else is there already; look at it and move it away"
    if error.errno in FAILING:
        return f"{where}: {error.strerror}; its disk or network fails, so try again or elsewhere"
    if error.errno in LOST:
        return f"{where}: {error.strerror}; if it is a result let the workflow make it again"
    return None


def _free(error: OSError) -> str:
    """What room is left where a file was to be written, if that can be told."""
    if not error.filename:
        return ""
    folder = Path(str(error.filename)).parent
    return f" ({shutil.disk_usage(folder).free / 1e6:.1f} MB free)" if folder.is_dir() else ""
