"""Facts about the rounds that a journal holds."""

import contextlib
from pathlib import Path

from zowarmup.inspection.facts import Facts
from zowarmup.storage import journal


def extent(file: Path) -> tuple[int, int, str | None]:
    """The first and last round of a journal, and its damage, if any."""
    first, last, whole = 0, 0, 0
    try:
        for record, end in journal.scan(file):
            last, whole = int(str(record.get("round", 0))), end
            first = first or last
    except journal.JournalError as error:
        return first, last, str(error)
    torn = file.stat().st_size - whole
    return first, last, f"the last {torn} bytes are a torn record" if torn else None


def choice(file: Path) -> Facts:
    """The parameters that a phase chose to train, with the measured gain of each choice."""
    with contextlib.suppress(journal.JournalError):
        first = next((entry for entry, _ in journal.scan(file) if "round" in entry), {})
        return {key: first[key] for key in ("subset", "gains") if key in first}
    return {}
