"""What a process must not hand on to matplotlib, whatever started the process."""

import os


def shut_out() -> None:
    """For a process that draws and does nothing else, before it imports matplotlib.

    A notebook hands its own backend on to whatever starts in it, and importing matplotlib fails
    where that backend is not installed. matplotlib reads the date for every pdf, also for one that
    carries none, and fails at a date that is no number.
    """
    os.environ["MPLBACKEND"] = "agg"
    os.environ.pop("SOURCE_DATE_EPOCH", None)
