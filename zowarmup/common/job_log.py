"""How a job speaks: progress and errors into its log, one sentence for what the user can mend."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zowarmup.common.errors import cause, explain
from zowarmup.common.signals import Stopped


@contextmanager
def log_to(path: str | Path) -> Iterator[None]:
    """Within, everything logged and every error goes into the log file of a job, line by line.

    A `UserError`, and what the file system refuses, end the process with one sentence, in the log
    and on the terminal. Of other errors the log has the traceback, and the terminal says where.
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
        logger.warning(f"{stop}; what was done is saved, and gone on from next time")
        sys.exit(stop.status)
    except Exception as error:
        if (sentence := explain(error)) is not None:
            logger.error(sentence)
            sys.exit(f"zowarmup: {sentence}")
        logger.exception("the job failed")
        sys.exit(f"zowarmup: the job failed ({cause(error)}); {path} says where")
    finally:
        logger.removeHandler(handler)
        with suppress(OSError):
            handler.close()


class _LogFile(logging.FileHandler):
    """A log that a full disk cuts short. No job ends for that, and no traceback is printed."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Go on without this line."""
