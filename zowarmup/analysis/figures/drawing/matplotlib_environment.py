"""Import matplotlib without the user's settings."""

import contextlib
import importlib
import os
from pathlib import Path


def shut_out() -> None:
    """Import matplotlib as on a fresh machine, in a process that does nothing but draw.

    Otherwise a backend set by a notebook, or a matplotlibrc that is not text, stops the import.
    """
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    with contextlib.chdir(Path(__file__).parent):  # it has no matplotlibrc
        importlib.import_module("matplotlib")
