"""machines.json: the machines that a job was computed on, beside its provenance, never part of it.

Two processors of equal capability may round differently, since a library picks its kernels by
their maker and by the user's environment. A result that was begun on one and finished on another is
right, but no single machine gives its bits again; this file says so. It makes nothing stale.
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
    """All machines that have worked in a job's folder, this one last; also written to FILE.

    Resuming work of another machine is logged. Only the first of several processes does this.

    Args:
        provenance: of the work; the machines of other work are dropped.
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
            f"resuming work of another kind of machine, {said(before[-1])}, on {said(now)}: the "
            "last bits of the result may differ from those that either of them gives alone"
        )
    if machines != before:
        values = {"provenance": fingerprint, "machines": machines}
        atomic_write_text(folder / FILE, json.dumps(values, indent=1, sort_keys=True) + "\n")
    return machines


def of(folder: Path) -> list[Machine]:
    """The machines that have worked in a job's folder; empty where that is not recorded."""
    return _read(folder / FILE)[1]


def _read(file: Path) -> tuple[str, list[Machine]]:
    """Provenance and machines; empty for a damaged file, since no result depends on it."""
    try:
        values = read_json(file)
        _ = [said(other) for other in values["machines"]]
        return str(values["provenance"]), list(values["machines"])
    except (OSError, UserError, *STRANGE):
        return "", []
