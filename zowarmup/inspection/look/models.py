"""What a checkpoint and a journal tell, with what the files around them know."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from zowarmup.common.errors import UserError
from zowarmup.inspection.look import layers
from zowarmup.inspection.metric_rows import row_at
from zowarmup.inspection.provenance import Facts, brief, of_saved, phase_at, provenance_of
from zowarmup.inspection.result_paths import home_of
from zowarmup.inspection.traffic import sent
from zowarmup.storage import checkpoint, journal
from zowarmup.storage.run_json import sha256
from zowarmup.training import replay

MEASURED = ("test_accuracy", "test_loss", "train_loss", "heldout_loss", "diverged")
COUNTED = ("bytes_up", "bytes_down", "forward_passes", "backward_passes")


def model_file(file: Path) -> Facts:
    """A checkpoint: network, round, origin, measurements at its round, layers."""
    saved, home = checkpoint.load(file), home_of(file)
    found = provenance_of(home)
    return {
        **network(saved.about, found),
        "size": file.stat().st_size,
        "sha256": sha256(file),
        "origin": brief(found, home),
        "at_this_round": at_round(home, saved.about["round"]),
        **shown(saved.named, saved.server),
    }


def network(about: Mapping[str, Any], found: Facts | None) -> Facts:
    """Which round of which network."""
    t = about["round"]
    return {
        "round": t,
        "phase": phase_at(found, t),
        "model": about["model"],
        "width": about["width"],
        "image": about["shape"],
        "classes": about["classes"],
    }


def shown(named: Mapping[str, Tensor], server: Mapping[str, Tensor]) -> Facts:
    """Sizes of the parameters, and of what the server keeps beside them."""
    beside = {"server": layers.norms(server)[:-1]} if server else {}
    return {"layers": layers.norms(named)} | beside


def at_round(folder: Path, t: int) -> Facts:
    """What was measured of a round and what had been sent by then."""
    if row := row_at(folder, t):
        return {key: row[key] for key in (*MEASURED, *COUNTED) if key in row}
    try:
        run = replay.track(folder)
        counts = sent(run, t) if run.pivot <= t else None
    except UserError:
        counts = None
    return {"measured": "not at this round"} | {key: counts[key] for key in COUNTED if counts}


def journal_file(file: Path) -> Facts:
    """A journal: what it belongs to, how far it goes, what has been sent."""
    header = replay.header(file)
    home = Path(file).absolute().parent
    found = of_saved(file, header) or provenance_of(home)
    first, last, damage = _extent(file)
    return {
        "format": header["format"],
        "rounds": f"{first} to {last}" if last else "none yet",
        "phase": phase_at(found, last),
        "size": file.stat().st_size,
        "sha256": sha256(file),
        "damage": damage,
        "origin": brief(found, home),
        "after_its_last_round": at_round(home, last) if last and not damage else {},
    }


def _extent(file: Path) -> tuple[int, int, str | None]:
    """First and last round, and what is wrong with the file, if anything."""
    first, last, whole = 0, 0, 0
    try:
        for record, reached in journal.scan(file):
            last, whole = record.get("round", 0), reached
            first = first or last
    except journal.JournalError as error:
        return first, last, str(error)
    torn = file.stat().st_size - whole
    return first, last, f"the last {torn} bytes are a torn record" if torn else None
