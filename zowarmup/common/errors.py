"""Errors that the user can fix, and the sentence for each."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The fix for each error of the file system, by error number.
RESUME = "make room, for instance with `zowarmup clean CONFIG`, and run the job again: it resumes"
PERMIT = "make it writable for this user, or work elsewhere"
RETRY = "its disk or network fails, so try again or elsewhere"
RUN = "if it is a result, run Snakemake, which recreates it"
FIXES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), RESUME),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), PERMIT),
    **dict.fromkeys((errno.EEXIST, errno.ENOTEMPTY), "look at it and move it away"),
    **dict.fromkeys((errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV), RETRY),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.EISDIR), RUN),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.ELOOP), RUN),
}

# The errors that come from reading JSON of another shape or numbers of other sizes.
STRANGE = (
    KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError,
)  # fmt: skip


LONGEST = 200  # characters of a cause that is quoted


class UserError(ValueError):
    """Bad input; the message is one sentence that names the file or key, the fault and the fix."""

    def __init__(self, sentence: str) -> None:
        # A quoted value or file name may have several lines.
        super().__init__(" ".join(sentence.splitlines()))


@contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Turn an error that a file's contents cause into a UserError that names the file.

    Raises:
        UserError: in place of an error of STRANGE.
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
    """Return an exception as part of a sentence; messages of torch or numpy may fill a page."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:LONGEST]}"


def explain(error: BaseException) -> str | None:
    """Return a sentence for an error that the user can fix: bad input or a file system's refusal.

    None for any other error, which is a bug of this project.
    """
    if isinstance(error, UserError):
        return str(error)
    if not isinstance(error, OSError) or error.errno not in FIXES:
        return None
    return f"{error.filename or 'a file or the output'}: {error.strerror}; {FIXES[error.errno]}"
