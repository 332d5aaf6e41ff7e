"""`zowarmup inspect`: what a file or folder is and where it came from, as facts."""

from collections.abc import Callable
from pathlib import Path

from zowarmup.common.errors import reading
from zowarmup.config.source_files import COMPUTED, IMAGENET32
from zowarmup.data import datasets, federation
from zowarmup.data.arrays import DataError, describe_npz
from zowarmup.data.datasets import Dataset
from zowarmup.inspection import inspect_training as training
from zowarmup.inspection import kinds
from zowarmup.inspection.facts import Facts
from zowarmup.inspection.job_status import jobs_of as status_of
from zowarmup.inspection.job_status import summary
from zowarmup.inspection.results import place_of
from zowarmup.plan import source_record
from zowarmup.storage.run_json import sha256


def inspect(path: Path | str) -> Facts:
    """All facts about a path that its files hold.

    Raises:
        UserError: no such path, a damaged file, or one that is not of this project.
    """
    with reading(path):
        kind, subject = kinds.kind_of(Path(path))
        return {"path": str(subject), "is": kind} | INSPECTORS[kind](subject)


def dataset(file: Path) -> Facts:
    """Images, classes, fingerprint and source of a data set."""
    data = datasets.load(file)
    hashes = {"contents_sha256": data.sha256, "file_sha256": sha256(file)}
    facts: Facts = {"name": data.name} | _sizes(data) | hashes
    if file.with_name(source_record.NAME).is_file():
        record = source_record.read(file)
        files = [{"file": name, "sha256": value} for name, value in record.files.items()]
        facts |= {"source": record.settings.source, "source_folder": record.folder}
        facts["made_from"] = files or None
    return facts


def images(file: Path) -> Facts:
    """The arrays of an .npz of the user's own, and the data set that the workflow makes of it.

    Raises:
        DataError: not a readable .npz.
    """
    arrays = describe_npz(file)
    source = _as_source(file, {row["array"] for row in arrays})
    return source | {"file_sha256": sha256(file), "arrays": arrays}


def _as_source(file: Path, names: set[str]) -> Facts:
    """Whether the file can be a source, and if so of how many images and classes."""
    name = file.stem
    if {"data", "labels"} <= names:
        return {"usable": f"as one of the files that source: {IMAGENET32} reads"}
    if file.suffix != ".npz" or name in COMPUTED:
        return {"usable": "no: rename it to NAME.npz, with a NAME that is not built in"}
    try:
        data = datasets.load_source(name, file.absolute().parent)
    except DataError as error:
        return {"usable": f"no: {str(error).removeprefix(f'{file.absolute()}: ')}"}
    return {"usable": f"yes, as source: {name}, if it lies in the data folder"} | _sizes(data)


def _sizes(data: Dataset) -> Facts:
    return {
        "classes": data.classes,
        "train_images": len(data.y_train),
        "test_images": len(data.y_test),
        "image": list(data.x_train.shape[1:]),
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


def results(folder: Path) -> Facts:
    """The number of jobs of each kind in each state."""
    return {"jobs": summary(status_of(folder))}


INSPECTORS: dict[str, Callable[[Path], Facts]] = {
    kinds.CHECKPOINT: training.checkpoint_file,
    kinds.JOURNAL: training.journal_file,
    kinds.DATASET: dataset,
    kinds.IMAGES: images,
    kinds.FEDERATION: clients,
    kinds.SELECTION: training.selection,
    kinds.RUN: training.run,
    kinds.WARMUP: training.warmup,
    kinds.RESULTS: results,
}
