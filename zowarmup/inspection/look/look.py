"""`zowarmup inspect`: what a file or folder is and where it came from, as facts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from zowarmup.common.errors import reading
from zowarmup.data import datasets, federation
from zowarmup.inspection.look import kinds
from zowarmup.inspection.look.images import images
from zowarmup.inspection.look.jobs import run, selection, warmup
from zowarmup.inspection.look.models import journal_file, model_file
from zowarmup.inspection.result_paths import place_of
from zowarmup.inspection.status.jobs import jobs_of, summary
from zowarmup.plan import source_record
from zowarmup.storage.run_json import sha256

Facts = dict[str, Any]


def look(path: Path) -> Facts:
    """Everything that the files tell about a path.

    Raises:
        UserError: nothing there, damaged, or nothing of this project.
    """
    with reading(path):
        kind, found = kinds.kind_of(path)
        return {"path": str(found), "is": kind} | LOOKS[kind](found)


def dataset(file: Path) -> Facts:
    """Images, classes and fingerprint of a data set."""
    data = datasets.load(file)
    return {
        "name": data.name,
        "classes": data.classes,
        "train_images": len(data.y_train),
        "test_images": len(data.y_test),
        "image": list(data.x_train.shape[1:]),
        "contents_sha256": data.sha256,
        "file_sha256": sha256(file),
    } | _source(file)


def _source(data: Path) -> Facts:
    """The files that a data set was made from, where that is recorded."""
    if not data.with_name(source_record.NAME).is_file():
        return {}
    record = source_record.read(data)
    files = [{"file": name, "sha256": told} for name, told in record.files.items()]
    return {"source": record.settings.source, "source_folder": record.folder} | (
        {"made_from": files} if files else {}
    )


def dealt(file: Path) -> Facts:
    """Clients of a federation and what they hold."""
    found = federation.load(file)
    place = place_of(file)
    sizes, classes = found.train_sizes, (found.label_counts > 0).sum(axis=1)
    return {
        "config": place.root.name if place else None,
        "seed": found.seed,
        "clients": found.clients,
        "alpha": found.alpha,
        "held_out": found.holdout,
        "classes": found.label_counts.shape[1],
        "train_images": int(sizes.sum()),
        "of_a_client": f"{sizes.min()} to {sizes.max()}",
        "classes_each": f"{classes.min()} to {classes.max()}",
        "memory_budgets": "yes" if found.budgets else "no",
        "data_sha256": found.dataset_sha256,
        "file_sha256": sha256(file),
    }


def results(folder: Path) -> Facts:
    """How many jobs of each kind are in which state."""
    return {"jobs": summary(jobs_of(folder))}


LOOKS: dict[str, Callable[[Path], Facts]] = {
    kinds.CHECKPOINT: model_file,
    kinds.JOURNAL: journal_file,
    kinds.DATASET: dataset,
    kinds.IMAGES: images,
    kinds.FEDERATION: dealt,
    kinds.SELECTION: selection,
    kinds.RUN: run,
    kinds.WARMUP: warmup,
    kinds.RESULTS: results,
}
