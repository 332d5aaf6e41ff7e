"""How a job speaks: progress and errors into its log, one sentence for what the user can mend."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zowarmup.settings.errors import UserError, explain
from zowarmup.settings.stopping import Stopped


@contextmanager
def log_to(path: str | Path) -> Iterator[None]:
    """Within, everything logged and every error goes into the log file of a job, line by line.

    A `UserError`, and what the file system refuses, end the process with one sentence, in the log
    and on the terminal; other errors go on as they are, with their traceback in the log too.
    """
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("zowarmup")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    except UserError as error:
        logger.error(str(error))
        sys.exit(f"zowarmup: {error}")
    except Stopped as stop:
        logger.warning(f"{stop}; what was done is saved, and gone on from next time")
        sys.exit(stop.status)
    except Exception as error:
        if isinstance(error, OSError) and (sentence := explain(error)):
            logger.error(sentence)
            sys.exit(f"zowarmup: {sentence}")
        logger.exception("the job failed")
        raise
    finally:
        logger.removeHandler(handler)
        handler.close()
