"""What a process must not hand on to matplotlib, whatever started the process."""

import os


def shut_out() -> None:
    """For a process that draws and does nothing else, before it imports matplotlib.

    A notebook hands its own backend on to whatever starts in it, and importing matplotlib fails
    where that backend is not installed.
    """
    os.environ["MPLBACKEND"] = "agg"
