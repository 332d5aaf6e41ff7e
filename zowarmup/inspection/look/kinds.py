"""What kind of thing a path is, told by its contents, whatever it is called."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zowarmup.common.errors import UserError
from zowarmup.common.files import read_json
from zowarmup.data import file_kinds
from zowarmup.plan.graph import RULES

ZIP, PICKLE = b"PK\x03\x04", b"\x80"
CHECKPOINT, JOURNAL, DATASET, FEDERATION = "checkpoint", "journal", "data set", "federation"
IMAGES = "images"
SELECTION, RUN, WARMUP, RESULTS = "selection", "run", "warm-up", "results"
RECORD, STATE, SOURCE = "record", "saved state", "source"

# What files of JSON are known by: all of these keys are in them.
KEYS = {
    FEDERATION: {"dataset_sha256", "train", "heldout", "order"},
    SELECTION: {"mean_losses", "grid", "lr"},
    RECORD: {"spec", "seeds", "code"},
    STATE: {"t", "rows", "tally"},
    DATASET: {"shapes", "classes", "train_images_per_class"},
    SOURCE: {"files", "compared", "settings"},
}


def kind_of(path: Path) -> tuple[str, Path]:
    """The kind, and the path that stands for it: of a folder with one file that file.

    Raises:
        UserError: nothing there, or nothing of this project.
    """
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder; give one that is there")
    kind = _file(path)
    if kind in (RECORD, STATE):  # it stands for the job
        return kind_of(path.absolute().parents[kind == STATE])
    if kind == DATASET and path.suffix == ".json":
        return kind, path.with_suffix(".npz")
    if kind == SOURCE:
        return DATASET, path.with_name("dataset.npz")
    return kind, path


def _folder(path: Path) -> tuple[str, Path]:
    record = path / "run.json"
    spec: Mapping[str, Any] = read_json(record).get("spec", {}) if record.is_file() else {}
    if "phase" in spec or (path / "snapshots").is_dir():
        return WARMUP, path
    if "phases" in spec or (path / "journal.jsonl").is_file():
        return RUN, path
    if (path / "state/state.json").is_file():
        return _unfinished(path), path
    for name in ("selection.json", "federation.json", "dataset.npz"):
        if (path / name).is_file():
            return kind_of(path / name)
    if any((path / folder).is_dir() for folder in RULES):
        return RESULTS, path
    if path.name in ("snapshots", "state") and any(path.glob("round-*")):
        return kind_of(path.absolute().parent)
    raise UserError(f"{path}: a folder without results of this project; give one of results/")


def _unfinished(path: Path) -> str:
    provenance = read_json(path / "state/state.json").get("origin", {})
    return RUN if "phases" in provenance.get("spec", {}) else WARMUP


def _file(path: Path) -> str:
    """Of a single file, from its first bytes."""
    with path.open("rb") as file:
        first = file.read(9)
        if first.startswith(ZIP):
            return _archive(path)
        if first.startswith(PICKLE):
            raise UserError(f"{path}: a pickle, which could run code; it is not read")
        if first[8:] == b"{" and first[:1] != b"{":  # 8 bytes of length, then a header
            return CHECKPOINT
        file.seek(0)
        line = file.readline(1 << 16)
    if line.startswith(b'{"crc32":'):
        return JOURNAL
    return _json(path)


def _archive(path: Path) -> str:
    """A data set of the results, or arrays of the user's own."""
    try:
        names = zipfile.ZipFile(path).namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path}: not a whole archive ({error}); copy or make it again") from None
    if any(name.endswith(".pkl") for name in names):
        raise UserError(f"{path}: a PyTorch file; inspect the checkpoint that it was made of")
    if not any(name.endswith(".npy") for name in names):
        raise UserError(f"{path}: a zip archive without arrays; unpack it")
    return DATASET if {"mean.npy", "std.npy", "scale.npy"} & {*names} else IMAGES


def _json(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        found = None
    keys = set(found) if isinstance(found, dict) else set()
    for kind, needed in KEYS.items():
        if needed <= keys:
            return kind
    named = path.suffix == ".npz"  # of others, text may be anything, such as a config
    if what := file_kinds.instead(path, file_kinds.ZIP if named else file_kinds.PICKLE):
        raise UserError(f"{path}: {what}")
    raise UserError(
        f"{path}: nothing of this project, or not complete; give a checkpoint, a journal, a "
        "federation, a data set, a selection, an .npz of images or a folder of results"
    )
