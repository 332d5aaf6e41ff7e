"""What the folder of a run, a warm-up or a selection tells."""

from pathlib import Path

from zowarmup.common.files import read_json
from zowarmup.inspection.look.models import COUNTED, MEASURED, journal_file, network, shown
from zowarmup.inspection.metric_rows import rows_of
from zowarmup.inspection.provenance import Facts, brief, provenance_of
from zowarmup.inspection.result_paths import place_of
from zowarmup.inspection.status.jobs import state_of
from zowarmup.plan.snapshots import saved_rounds
from zowarmup.storage import checkpoint
from zowarmup.storage.run_json import sha256


def run(folder: Path) -> Facts:
    """A run: its state, its origin, its rounds, its model."""
    path = folder / "journal.jsonl"
    facts = _job(folder)
    if path.is_file():
        told = journal_file(path)
        facts["journal"] = {key: told[key] for key in ("rounds", "size", "damage") if told[key]}
        if not (folder / "metrics.csv").is_file():
            facts["journal"] |= told["after_its_last_round"]
    return facts | _model(folder / "final.safetensors", facts)


def warmup(folder: Path) -> Facts:
    """A warm-up: its state, its origin, its snapshots, its last model."""
    inner = [folder / name for name in ("snapshots", "state", "partial")]
    files = next((found for place in inner if (found := saved_rounds(place))), {})
    facts = _job(folder) | {"snapshots": ", ".join(map(str, sorted(files)))}
    return facts | _model(files[max(files)], facts) if files else facts


def selection(file: Path) -> Facts:
    """A learning rate that was chosen, and the grid it was chosen from."""
    record = read_json(file)
    provenance = provenance_of(file.parent)
    return {
        "chosen": record["lr"],
        "at_the_edge": record["at_edge"],
        "phase": record["spec"]["phase"]["algorithm"],
        "sha256": sha256(file),
        "origin": brief(provenance, file.absolute().parent),
        "grid": [
            {key: row[key] for key in ("seed", "lr", "heldout_loss")} for row in record["grid"]
        ],
    }


def _job(folder: Path) -> Facts:
    place, rows = place_of(folder), rows_of(folder)
    facts: Facts = {}
    if place:
        facts["state"] = state_of(place)["state"]
    facts["origin"] = brief(provenance_of(folder), folder)
    if rows:
        last = rows[-1]
        keys = ("round", *MEASURED, *COUNTED)
        facts["last_measured"] = {key: last[key] for key in keys if key in last}
    return facts


def _model(file: Path, facts: Facts) -> Facts:
    if not file.is_file():
        return {}
    saved = checkpoint.load(file)
    about = network(saved.about, None)
    return {"network": {"file": str(file)} | about} | shown(saved.named, saved.server)
