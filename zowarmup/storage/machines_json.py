"""machines.json: the machines that computed a job. They are not part of its provenance.

Two processors of equal capability may round differently, since a library picks kernels by the maker
of the processor and by environment variables. A result that one machine began and another finished
is right, but no single machine gives its bits again; this file says so. It makes nothing stale.
"""

import json
from pathlib import Path

from zowarmup.common.errors import STRANGE, UserError
from zowarmup.common.files import atomic_write_text, read_json
from zowarmup.runtime import machine
from zowarmup.runtime.machine import Machine, said
from zowarmup.runtime.process_group import ProcessGroup
from zowarmup.runtime.progress import log
from zowarmup.storage import provenance as provenances
from zowarmup.storage.provenance import Provenance

FILE = "machines.json"


def enter(folder: Path, provenance: Provenance, group: ProcessGroup) -> list[Machine]:
    """Return all machines that have worked in a job's folder, this one last; write them to FILE.

    It logs when a job resumes another machine's work. Of several processes, only the first acts.

    Args:
        provenance: of the work; the machines of work with another provenance are dropped.
    """
    if not group.first:
        return []
    fingerprint = provenances.fingerprint(provenance)
    recorded, before = _read(folder / FILE)
    before = before if recorded == fingerprint else []
    now = machine.here()
    machines = [other for other in before if other != now] + [now]
    if before and before[-1] != now:
        log.warning(
            f"resuming the work of another kind of machine ({said(before[-1])}) on {said(now)}: "
            "the last bits of the result may differ from those of either machine alone"
        )
    if machines != before:
        values = {"provenance": fingerprint, "machines": machines}
        atomic_write_text(folder / FILE, json.dumps(values, indent=1, sort_keys=True) + "\n")
    return machines


def of(folder: Path) -> list[Machine]:
    """The machines that have worked in a job's folder; empty if they are not recorded."""
    return _read(folder / FILE)[1]


def _read(file: Path) -> tuple[str, list[Machine]]:
    """Provenance and machines; empty for a damaged file, since no result depends on it."""
    try:
        values = read_json(file)
        _ = [said(other) for other in values["machines"]]
        return str(values["provenance"]), list(values["machines"])
    except (OSError, UserError, *STRANGE):
        return "", []
