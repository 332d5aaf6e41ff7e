"""Errors that the user can fix, and the sentence for each."""

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

# The errors that reading JSON of another shape, or numbers of other sizes, ends in.
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
    """Turns errors from a file's contents into one that names the file.

    Raises:
        UserError: in place of one of STRANGE.
    """
    try:
        yield
    except UserError:
        raise
    except STRANGE as error:
        raise UserError(
            f"{path}: does not hold what this project writes ({cause(error)}); it was changed "
            "or is of another version: delete it, and Snakemake recreates it"
        ) from error


def cause(error: BaseException) -> str:
    """An exception as part of a sentence: torch and numpy may say a page of it."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:LONGEST]}"


def explain(error: BaseException) -> str | None:
    """One sentence for an error that the user can fix: bad input, or a refusal of the file system.

    None for any other error, which is a bug of this project.
    """
    if isinstance(error, UserError):
        return str(error)
    return _refused(error) if isinstance(error, OSError) else None


def _refused(error: OSError) -> str | None:
    where = error.filename or "a file or the output"
    if error.errno in FULL:
        return (
            f"{where}: the disk is full{_free(error)}; make room, for instance with "
            "`zowarmup clean CONFIG`, and run it again: it resumes"
        )
    if error.errno in CLOSED:
        return f"{where}: {error.strerror}; make it writable for this user, or work elsewhere"
    if error.errno in IN_THE_WAY:
        return f"{where}: another file has this name already: look at it and move it away"
    if error.errno in FAILING:
        return f"{where}: {error.strerror}; its disk or network fails, so try again or elsewhere"
    if error.errno in LOST:
        return f"{where}: {error.strerror}; if it is a result, run Snakemake, which recreates it"
    return None


def _free(error: OSError) -> str:
    """The free space of the folder of the file that was written, as part of a sentence."""
    if not error.filename:
        return ""
    folder = Path(str(error.filename)).parent
    return f" ({shutil.disk_usage(folder).free / 1e6:.1f} MB free)" if folder.is_dir() else ""
