"""What a process must not hand on to matplotlib, whatever started the process."""

import contextlib
import importlib
import os
from pathlib import Path


def shut_out() -> None:
    """For a process that draws and does nothing else: import matplotlib as if nobody had set it up.

    A notebook hands its own backend on to whatever starts in it, and importing matplotlib fails
    where that backend is not installed, or where a matplotlibrc is no UTF-8 text.
    """
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    with contextlib.chdir(Path(__file__).parent):  # one in the working folder would go first
        importlib.import_module("matplotlib")
