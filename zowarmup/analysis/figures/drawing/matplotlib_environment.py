"""Import matplotlib without the user's settings."""

import contextlib
import importlib
import os
from pathlib import Path


def shut_out() -> None:
    """Import matplotlib as on a fresh machine; for a process that draws and does nothing else.

    A backend that a notebook hands on, or a matplotlibrc that is no text, would stop the import.
    """
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    with contextlib.chdir(Path(__file__).parent):  # one in the working folder would go first
        importlib.import_module("matplotlib")
