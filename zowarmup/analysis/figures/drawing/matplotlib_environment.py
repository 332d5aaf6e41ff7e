"""Import matplotlib without the user's settings."""

import contextlib
import importlib
import os
from pathlib import Path


def shut_out() -> None:
    """Import matplotlib as on a fresh machine; for a process that draws and does nothing else.

    A notebook hands its own backend on to its child processes, and importing matplotlib fails
    where that backend is not installed, or where a matplotlibrc is no UTF-8 text.
    """
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    with contextlib.chdir(Path(__file__).parent):  # one in the working folder would go first
        importlib.import_module("matplotlib")
