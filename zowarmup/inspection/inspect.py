"""`zowarmup inspect`: the kind, origin and contents of a file or folder, as facts."""

from collections.abc import Callable
from pathlib import Path

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json
from zowarmup.config import data_files
from zowarmup.config.source_files import COMPUTED, IMAGENET32
from zowarmup.data import dataset_file, federation
from zowarmup.data.arrays import DataError, describe_npz
from zowarmup.data.dataset_file import Dataset
from zowarmup.inspection import journals, kinds, layers, models
from zowarmup.inspection.facts import Facts
from zowarmup.inspection.job_status import jobs_of, status_of, summary
from zowarmup.inspection.models import Model, load, snapshots
from zowarmup.inspection.provenance import JobRecord, origin, read_record, record_of
from zowarmup.inspection.results import place_of, row_at, rows_of
from zowarmup.plan import source_record
from zowarmup.storage import journal
from zowarmup.storage.run_json import sha256

SHOWN = (
    *("test_accuracy", "test_loss", "train_loss", "heldout_loss", "diverged"),
    *("bytes_up", "bytes_down", "forward_passes", "backward_passes"),
)


def inspect(path: Path | str) -> Facts:
    """Return all facts about a file or folder, read from its contents.

    Raises:
        UserError: the path does not exist, is damaged, or is not of this project.
    """
    with reading(path):
        kind, subject = kinds.kind_of(Path(path))
        return {"path": str(subject), "is": kind} | INSPECTORS[kind](subject)


def dataset(file: Path) -> Facts:
    """Images, classes, fingerprint and source of a data set."""
    data = dataset_file.load(file)
    hashes = {"contents_sha256": data.sha256, "file_sha256": sha256(file)}
    facts: Facts = {"name": data.name} | _sizes(data) | hashes
    if file.with_name(source_record.NAME).is_file():
        record = source_record.read(file)
        files = [{"file": name, "sha256": value} for name, value in record.files.items()]
        facts |= {"source": data_files.title(record.settings), "source_folder": record.folder}
        facts["made_from"] = files or None
    return facts


def images(file: Path) -> Facts:
    """Return the arrays of a user's .npz, and facts about the data set that it would become.

    Raises:
        DataError: not a readable .npz.
    """
    arrays = describe_npz(file)
    return _as_source(file, arrays) | {"file_sha256": sha256(file), "arrays": arrays}


def _as_source(file: Path, arrays: list[Facts]) -> Facts:
    """Return whether the file can be a source, and if so its numbers of images and classes."""
    name, names = file.stem, {row["array"] for row in arrays}
    if {"data", "labels"} <= names:
        return {"usable": f"as one of the files that `source: {IMAGENET32}` reads"}
    if file.suffix != ".npz" or name in COMPUTED:
        return {"usable": "no: rename it to NAME.npz, where NAME is not a built-in source"}
    try:
        data = dataset_file.load_source(name, file.absolute().parent)
    except DataError as error:
        return {"usable": f"no: {str(error).removeprefix(f'{file.absolute()}: ')}"}
    return {"usable": f"yes, as `source: {name}`, if it lies in the data folder"} | _sizes(data)


def _sizes(data: Dataset) -> Facts:
    noun = "image" if data.x_train.dtype.kind == "u" else "input"
    return {
        "classes": data.classes,
        f"train_{noun}s": len(data.y_train),
        f"test_{noun}s": len(data.y_test),
        noun: list(data.x_train.shape[1:]),
    }


def clients(file: Path) -> Facts:
    """The clients of a federation and their images."""
    dealt, place = federation.load(file), place_of(file)
    sizes, classes = dealt.train_sizes, (dealt.label_counts > 0).sum(axis=1)
    return {
        "config": place.root.name if place else None,
        "seed": dealt.seed,
        "clients": dealt.clients,
        "alpha": dealt.alpha,
        "held_out": dealt.holdout,
        "classes": dealt.label_counts.shape[1],
        "train_images": int(sizes.sum()),
        "of_a_client": f"{sizes.min()} to {sizes.max()}",
        "classes_each": f"{classes.min()} to {classes.max()}",
        "memory_budgets": "yes" if dealt.budgets else "no",
        "data_sha256": dealt.dataset_sha256,
        "file_sha256": sha256(file),
    }


def checkpoint_file(file: Path) -> Facts:
    """The network, round, origin, measurements and layers of a checkpoint."""
    return _described(load(file), {"size": file.stat().st_size, "sha256": sha256(file)})


def replay(run: Path, t: int | None = None) -> tuple[Model, Facts]:
    """Return the model of a run after round t, by default the latest, and facts about the model.

    Raises:
        UserError: the run or the round does not exist.
    """
    with reading(run):
        model = models.replayed(run) if t is None else models.at(run, t)
        source = model.file or "rebuilt from the pivot's snapshot and the journal"
        facts = {"made": str(source), "weights_sha256": layers.sha256(model.w)}
        return model, _described(model, facts)


def _described(model: Model, more: Facts) -> Facts:
    """The network and round of a model, `more` facts, its origin, measurements and layers."""
    record, measured = record_of(model.home), _at_round(model.home, model.round)
    source = {"origin": origin(record, model.home), "at_this_round": measured}
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


def _at_round(folder: Path, t: int) -> Facts:
    """The measurements of a round and the costs up to it."""
    if row := row_at(folder, t):
        return {key: row[key] for key in SHOWN if key in row}
    return {"measured": "not at this round"}


def journal_file(file: Path) -> Facts:
    """The origin and rounds of a journal, and the measurements and costs of its last round."""
    record, home = read_record(file), file.absolute().parent
    first, last, damage = journals.extent(file)
    return {
        "format": journal.FORMAT,
        "rounds": f"{first} to {last}" if last else "none yet",
        "phase": record.phase_at(last),
        "size": file.stat().st_size,
        "sha256": sha256(file),
        "damage": damage,
        **journals.choice(file),
        "origin": origin(record, home),
        "after_its_last_round": _at_round(home, last) if last and not damage else {},
    }


def run(folder: Path) -> Facts:
    """The state, origin, rounds and model of a run."""
    facts, file = _job(folder), folder / "journal.jsonl"
    if file.is_file():
        journal = journal_file(file)
        shown = ("rounds", "size", "damage", "subset", "gains")
        facts["journal"] = {key: journal[key] for key in shown if key in journal}
    return facts | _model(folder / "final.safetensors")


def warmup(folder: Path) -> Facts:
    """The state, origin, snapshots and last model of a warm-up."""
    files = snapshots(folder)
    facts = _job(folder) | {"snapshots": ", ".join(map(str, sorted(files)))}
    return facts | (_model(files[max(files)]) if files else {})


def selection(file: Path) -> Facts:
    """The selected learning rates of a method, and the trials that they were selected by."""
    selected = read_json(file)
    columns = ("accuracy", "late", "loss", "tried", "trains")
    return {
        "chosen": selected["rates"],
        "at_the_edge": ", ".join(selected["edges"]),
        **{key: selected[key] for key in columns},
        "sha256": sha256(file),
        "origin": origin(record_of(file.parent), file.absolute().parent),
        "trials": [row.pop("rates") | row for row in selected["trials"]],
    }


def _job(folder: Path) -> Facts:
    place, rows = place_of(folder), rows_of(folder)
    facts: Facts = {"state": status_of(place).state} if place else {}
    facts["origin"] = origin(record_of(folder), folder)
    if rows:
        facts["last_measured"] = {"round": (t := rows[-1]["round"])} | _at_round(folder, t)
    return facts


def _model(file: Path) -> Facts:
    if not file.is_file():
        return {}
    model = load(file)
    return {"network": {"file": str(file)} | _network(model)} | _tensors(model)


INSPECTORS: dict[str, Callable[[Path], Facts]] = {
    kinds.CHECKPOINT: checkpoint_file,
    kinds.JOURNAL: journal_file,
    kinds.DATASET: dataset,
    kinds.IMAGES: images,
    kinds.FEDERATION: clients,
    kinds.SELECTION: selection,
    kinds.RUN: run,
    kinds.WARMUP: warmup,
    kinds.RESULTS: lambda folder: {"jobs": summary(jobs_of(folder))},
}
