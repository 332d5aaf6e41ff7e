"""Facts about models and journals, and about the folders of the jobs that make them."""

from pathlib import Path

from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import read_json
from zowarmup.inspection import layers, models
from zowarmup.inspection.facts import Facts
from zowarmup.inspection.job_status import status_of
from zowarmup.inspection.models import Model, load, snapshots
from zowarmup.inspection.provenance import JobRecord, origin, read_record, record_of
from zowarmup.inspection.results import Row, place_of, row_at, rows_of
from zowarmup.inspection.traffic import costs_at
from zowarmup.storage import journal
from zowarmup.storage.run_json import sha256
from zowarmup.training.replay import track

MEASURED = ("test_accuracy", "test_loss", "train_loss", "heldout_loss", "diverged")
COSTS = ("bytes_up", "bytes_down", "forward_passes", "backward_passes")


def checkpoint_file(file: Path) -> Facts:
    """A checkpoint: network, round, origin, measurements at its round, layers."""
    return _described(load(file), {"size": file.stat().st_size, "sha256": sha256(file)})


def replay(run: Path, t: int | None = None) -> tuple[Model, Facts]:
    """The model of a run after round t, by default its last so far, and facts about it.

    Raises:
        UserError: no such run or round.
    """
    with reading(run):
        model = models.replayed(run) if t is None else models.at(run, t)
        source = model.file or "rebuilt from the pivot's snapshot and the journal"
        facts = {"made": str(source), "weights_sha256": layers.sha256(model.w)}
        return model, _described(model, facts)


def _described(model: Model, more: Facts) -> Facts:
    """A model: network, round, more facts, origin, measurements at its round, layers."""
    record = record_of(model.home)
    source = {
        "origin": origin(record, model.home),
        "at_this_round": at_round(model.home, model.round),
    }
    return _network(model, record) | more | source | _tensors(model)


def _network(model: Model, record: JobRecord | None = None) -> Facts:
    about = model.saved.about
    return {
        "round": model.round,
        "phase": record.phase_at(model.round) if record else None,
        "model": about.model,
        "width": about.width,
        "image": list(about.shape),
        "classes": about.classes,
    }


def _tensors(model: Model) -> Facts:
    """The sizes of the parameters and of the server's state."""
    server = {"server": layers.norms(model.saved.server)[:-1]} if model.saved.server else {}
    return {"layers": layers.norms(model.saved.named)} | server


def at_round(folder: Path, t: int) -> Facts:
    """The measurements of a round and the costs up to it."""
    if row := row_at(folder, t):
        return _measured(row)
    try:
        run = track(folder)
        costs = costs_at(run, t) if run.pivot <= t else None
    except UserError:
        costs = None
    return {"measured": "not at this round"} | {key: costs[key] for key in COSTS if costs}


def journal_file(file: Path) -> Facts:
    """A journal: its origin, its rounds, and the measurements and costs of the last one."""
    record, home = read_record(file), file.absolute().parent
    first, last, damage = _extent(file)
    return {
        "format": journal.FORMAT,
        "rounds": f"{first} to {last}" if last else "none yet",
        "phase": record.phase_at(last),
        "size": file.stat().st_size,
        "sha256": sha256(file),
        "damage": damage,
        "origin": origin(record, home),
        "after_its_last_round": at_round(home, last) if last and not damage else {},
    }


def _extent(file: Path) -> tuple[int, int, str | None]:
    """First and last round, and the damage of the file, if any."""
    first, last, whole = 0, 0, 0
    try:
        for record, end in journal.scan(file):
            last, whole = int(str(record.get("round", 0))), end
            first = first or last
    except journal.JournalError as error:
        return first, last, str(error)
    torn = file.stat().st_size - whole
    return first, last, f"the last {torn} bytes are a torn record" if torn else None


def run(folder: Path) -> Facts:
    """A run: its state, its origin, its rounds, its model."""
    facts, path = _job(folder), folder / "journal.jsonl"
    if path.is_file():
        journal = journal_file(path)
        facts["journal"] = {key: journal[key] for key in ("rounds", "size", "damage")}
        if not (folder / "metrics.csv").is_file():
            facts["journal"] |= journal["after_its_last_round"]
    return facts | _model(folder / "final.safetensors")


def warmup(folder: Path) -> Facts:
    """A warm-up: its state, its origin, its snapshots, its last model."""
    files = snapshots(folder)
    facts = _job(folder) | {"snapshots": ", ".join(map(str, sorted(files)))}
    return facts | (_model(files[max(files)]) if files else {})


def selection(file: Path) -> Facts:
    """A selected learning rate, and the grid it was selected from."""
    selected = read_json(file)
    columns = ("seed", "lr", "heldout_loss")
    return {
        "chosen": selected["lr"],
        "at_the_edge": selected["at_edge"],
        "phase": selected["spec"]["phase"]["algorithm"],
        "sha256": sha256(file),
        "origin": origin(record_of(file.parent), file.absolute().parent),
        "grid": [{key: row[key] for key in columns} for row in selected["grid"]],
    }


def _job(folder: Path) -> Facts:
    place, rows = place_of(folder), rows_of(folder)
    facts: Facts = {"state": status_of(place).state} if place else {}
    facts["origin"] = origin(record_of(folder), folder)
    if rows:
        facts["last_measured"] = {"round": rows[-1]["round"]} | _measured(rows[-1])
    return facts


def _measured(row: Row) -> Facts:
    return {key: row[key] for key in (*MEASURED, *COSTS) if key in row}


def _model(file: Path) -> Facts:
    if not file.is_file():
        return {}
    model = load(file)
    return {"network": {"file": str(file)} | _network(model)} | _tensors(model)
