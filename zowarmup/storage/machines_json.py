"""The machines that a job was computed on: beside what decides a result, and never part of it.

Two processors of equal capability may round differently, since a library picks its kernels by
their maker and by the user's environment. So a result that was begun on one and finished on
another is right, but has no bits that a single machine would give again; this tells of it. Nothing
becomes stale by it.
"""

import json
from pathlib import Path

from zowarmup.common.errors import STRANGE, UserError
from zowarmup.common.files import atomic_write_text, read_json
from zowarmup.runtime.machine import Machine, here, said
from zowarmup.runtime.process_group import ProcessGroup
from zowarmup.runtime.progress import log
from zowarmup.storage import provenance as provenances
from zowarmup.storage.provenance import Provenance

FILE = "machines.json"


def enter(folder: Path, made_by: Provenance, group: ProcessGroup) -> list[Machine]:
    """All machines that have worked in a job's folder, this one last; kept there in FILE.

    Resuming work of another machine is said in the log. The first of several processes does this
    for all.

    Args:
        made_by: provenance of the work; what is known of other work is dropped.
    """
    if not group.first:
        return []
    provenance = provenances.fingerprint(made_by)
    known, before = _read(folder / FILE)
    before = before if known == provenance else []
    now = here()
    machines = [machine for machine in before if machine != now] + [now]
    if before and before[-1] != now:
        log.warning(
            f"resuming work of another kind of machine, {said(before[-1])}, on {said(now)}: the "
            "last bits of the result may differ from those that either of them gives alone"
        )
    if machines != before:
        told = {"provenance": provenance, "machines": machines}
        atomic_write_text(folder / FILE, json.dumps(told, indent=1, sort_keys=True) + "\n")
    return machines


def of(folder: Path) -> list[Machine]:
    """The machines that have worked in a job's folder; none where that is not known."""
    return _read(folder / FILE)[1]


def _read(file: Path) -> tuple[str, list[Machine]]:
    """Provenance and machines; a damaged file says nothing, since no result depends on it."""
    try:
        told = read_json(file)
        _ = [said(machine) for machine in told["machines"]]
        return str(told["provenance"]), list(told["machines"])
    except (OSError, UserError, *STRANGE):
        return "", []
