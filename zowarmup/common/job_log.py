"""The log of a job: its progress and errors, in one sentence if the user can fix the error."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zowarmup.common.errors import cause, explain
from zowarmup.common.signals import Stopped
from zowarmup.common.user_code import explained


@contextmanager
def log_to(path: str | Path) -> Iterator[None]:
    """Write every log line and every error of the block into the log file of a job.

    An error that `explained` knows ends the process with one sentence, in the log and on the
    terminal. For other errors the log has the traceback, and the terminal names the log.
    """
    logger = logging.getLogger("zowarmup")
    logger.setLevel(logging.INFO)
    try:
        handler = _LogFile(path, mode="w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        sys.exit(f"zowarmup: {explain(error) or error}")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logger.addHandler(handler)
    try:
        yield
    except Stopped as stop:
        logger.warning(f"{stop}; the work so far is saved, and the next start resumes it")
        sys.exit(stop.status)
    except Exception as error:
        if (sentence := explained(error)) is not None:
            logger.error(sentence)
            sys.exit(f"zowarmup: {sentence}")
        logger.exception("the job failed")
        sys.exit(f"zowarmup: the job failed ({cause(error)}); {path} has the traceback")
    finally:
        logger.removeHandler(handler)
        with suppress(OSError):
            handler.close()


class _LogFile(logging.FileHandler):
    """A log file; a full disk cuts it short, but neither ends the job nor prints a traceback."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the line."""
