"""The kind of a file or folder, found from its contents, whatever its name is."""

import zipfile
from pathlib import Path

from zowarmup.common.errors import UserError
from zowarmup.common.files import read_json
from zowarmup.data import file_kinds
from zowarmup.plan.graph import RULES

CHECKPOINT, JOURNAL, DATASET, FEDERATION = "checkpoint", "journal", "data set", "federation"
IMAGES, SELECTION, RUN, WARMUP, RESULTS = "images", "selection", "run", "warm-up", "results"
RECORD, STATE, SUMMARY, SOURCE = "record", "saved state", "summary", "source"

# A JSON file that has all of these keys is of this kind.
KEYS = {
    FEDERATION: {"dataset_sha256", "train", "heldout", "order"},
    SELECTION: {"rates", "trials", "tried"},
    RECORD: {"spec", "seeds", "code"},
    STATE: {"t", "rows", "origin"},
    SUMMARY: {"shapes", "classes", "train_images_per_class"},
    SOURCE: {"files", "compared", "settings"},
}


def kind_of(path: Path) -> tuple[str, Path]:
    """Return the kind of a path and the path to read, which for a folder may be a file in it.

    Raises:
        UserError: the path does not exist, or nothing of this project is there.
    """
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder; give a path that exists")
    kind = _file(path)
    if kind in (RECORD, STATE):  # the file stands for its job
        return kind_of(path.absolute().parents[kind == STATE])
    if kind in (SUMMARY, SOURCE):
        return DATASET, path.with_name("dataset.npz")
    return kind, path


def _folder(path: Path) -> tuple[str, Path]:
    spec = {}
    if (record := path / "run.json").is_file():
        spec = read_json(record).get("spec", {})
    elif (state := path / "state" / "state.json").is_file():
        spec = read_json(state)["origin"]["spec"]
    if "phase" in spec or (path / "snapshots").is_dir():
        return WARMUP, path
    if "phases" in spec or (path / "journal.jsonl").is_file():
        return RUN, path
    for name in ("selection.json", "federation.json", "dataset.npz"):
        if (path / name).is_file():
            return kind_of(path / name)
    if any((path / folder).is_dir() for folder in RULES):
        return RESULTS, path
    if path.name in ("snapshots", "state") and any(path.glob("round-*")):
        return kind_of(path.absolute().parent)
    raise UserError(f"{path}: a folder without results of this project; give a folder in results/")


def _file(path: Path) -> str:
    """The kind of a single file, from its first bytes."""
    if is_journal(path):
        return JOURNAL
    with path.open("rb") as file:
        first = file.read(9)
    if first[8:] == b"{" and first[:1] != b"{":  # 8 bytes of length, then a header
        return CHECKPOINT
    if first.startswith(file_kinds.PICKLE):
        raise UserError(f"{path}: a pickle, which could run code; it is not read")
    return _archive(path) if first.startswith(file_kinds.ZIP) else _json(path)


def is_journal(file: Path) -> bool:
    """Whether a file begins as a journal does."""
    start = b'{"crc32":'
    with file.open("rb") as lines:
        return lines.read(len(start)) == start


def _archive(path: Path) -> str:
    """Return DATASET for a data set in results/, IMAGES for other arrays."""
    try:
        names = zipfile.ZipFile(path).namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path}: not a whole archive ({error}); copy or make it again") from None
    if not any(name.endswith(".npy") for name in names):
        raise UserError(
            f"{path}: an archive without arrays; if it is a PyTorch file, inspect the checkpoint "
            "that it was made from, else unpack it"
        )
    return DATASET if {"mean.npy", "std.npy", "scale.npy"} & {*names} else IMAGES


def _json(path: Path) -> str:
    try:
        keys = set(read_json(path))
    except UserError:
        keys = set()
    for kind, needed in KEYS.items():
        if needed <= keys:
            return kind
    named = path.suffix == ".npz"  # other text may be anything, such as a config
    fault = file_kinds.instead(path, file_kinds.ZIP if named else file_kinds.PICKLE) or (
        "not a file of this project, or not complete; give a checkpoint, a journal, a federation, "
        "a data set, a selection, an .npz file with images or a folder of results"
    )
    raise UserError(f"{path}: {fault}")
