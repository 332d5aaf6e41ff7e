"""Files that something or somebody has damaged: one clear sentence each, and no result changes.

Every case is run as a user would, by the command line, on a copy of a finished study. Results are
compared by their bytes before and after.
"""

import ast
import contextlib
import io
import json
import math
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import malform as m
import numpy as np
import pickling
import pytest
import workbench
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zowarmup.__main__ import main
from zowarmup.analysis.claims import schema
from zowarmup.common.errors import UserError
from zowarmup.common.job_log import log_to
from zowarmup.config import yaml_file

UNLIKE = ("lock", "progress.json")  # in which a job says that it is there
TINY = workbench.PROJECT / "tests" / "tiny.yaml"
RUN, WARMUP = "runs/zowarmup/0", "warmups/fedavg-high/0"
SNAPSHOT = f"{WARMUP}/snapshots/round-000020.safetensors"
FINAL, JOURNAL = f"{RUN}/final.safetensors", f"{RUN}/journal.jsonl"
RECORD, ROWS = f"{RUN}/run.json", f"{RUN}/metrics.csv"
DATA, SUMMARY = "datasets/digits/dataset.npz", "datasets/digits/dataset.json"
DEALT = "federations/default/0/federation.json"
RATE = "selections/zo-all-after-fedavg/selection.json"
NAN, HUGE, DEEP = float("nan"), 10**400, b"[" * 100_000

repeatable = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass(frozen=True)
class Said:
    """How a command ended: exit code, what it printed, its last line on the terminal."""

    code: int
    out: str
    last: str


def zowarmup(*words: str | Path) -> Said:
    """A command as a user gives it. An exception that escapes fails the test: a bare traceback."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    assert "Traceback" not in err.getvalue()
    return Said(code, out.getvalue(), (err.getvalue().strip().splitlines() or [""])[-1])


def refused(said: Said, *parts: str) -> None:
    """It is one sentence that has these parts."""
    assert said.code == 2, said
    assert said.last.startswith("zowarmup: ")
    assert len(said.last) < 1500
    for part in parts:
        assert part in said.last, said.last


# --- results --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of one seed; not to be changed."""
    results = tmp_path_factory.mktemp("made")
    assert zowarmup("run", TINY, "--seed", "0", "--results", results).code == 0
    (results / "tiny" / "selected-metrics.csv").unlink()
    return results / "tiny"


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "results" / "tiny"))


def run(study: Path) -> Said:
    return zowarmup("run", TINY, "--run", "zowarmup", "--seed", "0", "--results", study.parent)


def again(study: Path) -> Said:
    """The run from its pivot, with nothing left of it."""
    for file in (RECORD, ROWS, FINAL, JOURNAL):
        (study / file).unlink(missing_ok=True)
    return run(study)


def resumed(study: Path) -> Said:
    """The run from its journal."""
    (study / RECORD).unlink()
    return run(study)


def look(study: Path) -> Said:
    return zowarmup("inspect", study / RUN)


def replay(study: Path) -> Said:
    return zowarmup("replay", study / RUN, "--round", "60")


def evaluate(study: Path) -> Said:
    return zowarmup("evaluate", study / RUN)


def compare(study: Path) -> Said:
    return zowarmup("compare", study / RUN, study / FINAL)


def verify(study: Path) -> Said:
    return zowarmup("verify", study)


def status(study: Path) -> Said:
    return zowarmup("status", study, "--once")


def look_at_federation(study: Path) -> Said:
    return zowarmup("inspect", study / DEALT)


def clean(study: Path) -> Said:
    return zowarmup("clean", TINY, "--results", study.parent)


def swapped(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


class Bomb:
    """An object that runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (66,)


def _plain(header: dict[str, Any]) -> dict[str, Any]:
    return {name: said for name, said in header.items() if name != "__metadata__"}


def _halved(header: dict[str, Any]) -> dict[str, Any]:
    """The same bytes as twice as many numbers of half the size."""
    *rest, last = header["1.weight"]["shape"]
    return header | {"1.weight": header["1.weight"] | {"dtype": "F16", "shape": [*rest, 2 * last]}}


def _without(arrays: m.Arrays, name: str) -> m.Arrays:
    return {key: array for key, array in arrays.items() if key != name}


def _twice(data: bytes) -> bytes:
    image = json.loads(data)["train"][1][0]
    return m.sealed_field("train.0.0", image)(data)


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


Use = Callable[[Path], Said]
# What it is: the file, what is done to it, what then reads it, what the sentence says beside it.
FILES: dict[str, tuple[str, m.Damage, Use, str]] = {
    # checkpoints
    "an empty checkpoint": (FINAL, m.only(b""), look, "cannot be read"),
    "a checkpoint without its end": (FINAL, m.cut(0.9), look, "cannot be read"),
    "a checkpoint cut in its header": (FINAL, m.cut(0.01), look, "cannot be read"),
    "a header that is longer than the file": (FINAL, m.length(1 << 40), look, "cannot be read"),
    "a header of no length": (FINAL, m.length(0), look, "cannot be read"),
    "the longest header of all": (FINAL, m.length(2**64 - 1), look, "cannot be read"),
    "a checkpoint of somebody else": (FINAL, m.header(lambda h: _plain(h)), look, "this project"),
    "a checkpoint that is a pickle": (FINAL, m.only(pickle.dumps({"a": 1})), look, "be read"),
    "facts that are no JSON": (FINAL, m.facts_text(lambda t: t[:-1]), look, "cannot be read"),
    "facts that are nested deeply": (FINAL, m.facts_text(lambda _: "[" * 100_000), look, ""),
    "facts that are a list": (FINAL, m.facts_text(lambda _: "[1]"), look, "not what"),
    "names that are missing": (FINAL, m.facts("names", m.GONE), look, "names"),
    "names that are a number": (FINAL, m.facts("names", 7), look, "not what"),
    "a name of nothing": (FINAL, m.facts("names.0", "9.weight"), look, "9.weight"),
    "a name twice": (FINAL, m.facts("names.1", "1.weight"), look, "1.bias"),
    "a network that there is not": (FINAL, m.facts("model", "../mlp"), look, "no network"),
    "an image of negative size": (FINAL, m.facts("shape", [-1, 8, 8]), look, "shape"),
    "an image too large for any machine": (FINAL, m.facts("shape.1", 1 << 40), look, "shape"),
    "a class and a half": (FINAL, m.facts("classes", 1.5), look, "classes"),
    "a width that is no number": (FINAL, m.facts("width", NAN), look, "width"),
    "a round before the first": (FINAL, m.facts("round", -3), look, "round"),
    "a type that there is not": (FINAL, m.of_header("3/bias.dtype", "F33"), look, "be read"),
    "places beyond the end": (FINAL, m.of_header("3/bias.data_offsets.1", 1 << 40), look, ""),
    "a checkpoint of another network": (SNAPSHOT, m.facts("names.0", "w"), again, "round-000020"),
    "a snapshot in half precision": (
        SNAPSHOT,
        m.header(lambda h: _halved(h)),
        again,
        "round-000020",
    ),
    "a snapshot cut in two": (SNAPSHOT, m.cut(0.5), again, "cannot be read"),
    # journals
    "a journal of something else": (JOURNAL, m.record(0, "format", "x"), replay, "not a journal"),
    "a journal without its first line": (JOURNAL, m.lines(lambda x: x[1:]), replay, "a journal"),
    "an empty journal": (JOURNAL, m.only(b""), replay, "not a journal"),
    "a byte in the middle": (JOURNAL, m.flipped(0.5), replay, "is damaged"),
    "a line that is nested deeply": (
        JOURNAL,
        m.lines(lambda x: [x[0], b'{"crc32":1,"record":' + DEEP + b"\n", *x[2:]]),
        replay,
        "line 2, at byte",
    ),
    "a record that is a number": (JOURNAL, m.record(1, "", 7), replay, "line 2, at byte"),
    "a record without its clients": (JOURNAL, m.record(1, "clients", m.GONE), replay, "line 2"),
    "a record without its scalars": (JOURNAL, m.record(9, "scalars", m.GONE), replay, "line 10"),
    "clients beyond the last": (JOURNAL, m.record(1, "clients.9", 99), resumed, "round 21"),
    "a client below the first": (JOURNAL, m.record(1, "clients.0", -1), replay, "clients"),
    "a client that is a text": (JOURNAL, m.record(1, "clients.0", "x"), replay, "clients"),
    "more scalars than directions": (JOURNAL, m.record(1, "scalars.0", [1.0] * 9), replay, "21"),
    "a scalar that is a list": (JOURNAL, m.record(1, "scalars.0.0", []), replay, "scalars"),
    "a scalar that is no number": (JOURNAL, m.record(1, "scalars.0.0", NAN), replay, "damaged"),
    "a scalar beyond float32": (JOURNAL, m.record(1, "scalars.0.0", 1e300), replay, "scalars"),
    "a scalar beyond all floats": (JOURNAL, m.record(1, "scalars.0.0", HUGE), replay, "scalars"),
    "a weight above the whole": (JOURNAL, m.record(1, "weights.0", 7.0), replay, "weights"),
    "weights of other clients": (
        JOURNAL,
        m.record(1, "weights", [1.0] + [0.0] * 9),
        resumed,
        "with their shares is due",
    ),
    "a rate that is a text": (JOURNAL, m.record(1, "lr", "0.1"), replay, "lr"),
    "a rate below 0": (JOURNAL, m.record(1, "lr", -1.0), replay, "lr"),
    "two records in the wrong order": (JOURNAL, m.lines(swapped), resumed, "where round 21"),
    "a record of another round": (JOURNAL, m.record(5, "round", 1 << 40), resumed, "round 25"),
    "a journal that ends too early": (JOURNAL, m.lines(lambda x: x[:9]), replay, "20 to 28"),
    # records and rows
    "a record of a run cut in two": (RECORD, m.cut(0.5), run, "not complete JSON"),
    "an empty record of a run": (RECORD, m.only(b""), replay, "not complete JSON"),
    "a record of a run that is a list": (RECORD, m.only(b"[]"), clean, "no JSON object"),
    "a record of a run nested deeply": (RECORD, m.only(DEEP), clean, "not complete JSON"),
    "a record of a run that is no text": (RECORD, m.only(b"\xff\xfe{}"), run, "no text"),
    "a record without its settings": (RECORD, m.field("spec", m.GONE), run, "spec"),
    "a record whose phases are none": (RECORD, m.field("spec.phases", 7), run, "not what"),
    "rows cut in a line": (ROWS, m.cut(0.7), run, "cut short"),
    "rows without an end": (ROWS, lambda data: data[:-1], run, "cut short"),
    "no rows": (ROWS, m.lines(lambda x: x[:1]), run, "cut short"),
    "rows with a field too many": (ROWS, m.lines(lambda x: [*x, x[1][:-1] + b",1\n"]), run, ""),
    "a field that never ends": (ROWS, lambda data: data + b'"' + bytes(200_000), run, ""),
    "a round that is a text": (ROWS, m.cell(1, "round", "x"), run, "not what"),
    "a recall that is a text": (ROWS, m.cell(1, "recall_0", "x"), run, "not what"),
    "rows that are not all there": (ROWS, m.lines(lambda x: x[:3]), run, "the last round is"),
    "costs that are texts": (f"{WARMUP}/metrics.csv", m.cell(2, "bytes_up", "x"), again, "not"),
    "a choice cut in two": (RATE, m.cut(0.5), again, "not complete JSON"),
    "a choice of nothing": (RATE, m.field("lr", m.GONE), again, "not what"),
    "a rate that is a list": (RATE, m.field("lr", []), again, "not what"),
    "a chosen rate that is no number": (RATE, m.field("lr", NAN), again, "lr is nan"),
    "a federation of nobody, only shown": (DEALT, m.sealed_field("train", []), run, "not of its 0"),
    "counts that are a number, only shown": (DEALT, m.sealed_field("label_counts", 7), run, ""),
    # images
    "images cut in two": (DATA, m.cut(0.5), again, "not a readable .npz"),
    "an image changed": (DATA, m.flipped(0.3), again, "cannot be read"),
    "no training images": (DATA, m.arrays(lambda a: _without(a, "x_train")), again, "x_train"),
    "images that are numbers with a point": (
        DATA,
        m.array("x_train", lambda x: x / 255),
        again,
        "beside it",
    ),
    "images that are Python objects": (
        DATA,
        m.array("x_train", lambda x: np.array([Bomb()], object)),
        again,
        "Python objects",
    ),
    "more images than any memory holds": (
        DATA,
        m.says_shape("x_train", "(1000000000000, 1, 8, 8)"),
        again,
        "x_train",
    ),
    "labels below 0": (DATA, m.array("y_train", lambda y: y - 1), again, "beside it"),
    "labels of fewer images": (DATA, m.array("y_train", lambda y: y[:-1]), again, "beside it"),
    "a mean that is no number": (DATA, m.array("mean", lambda v: v * NAN), again, "beside it"),
    "a spread of nothing": (DATA, m.array("std", lambda v: v * 0), again, "beside it"),
    "a scale for each image": (DATA, m.array("scale", lambda v: np.ones(3)), again, "beside it"),
    "images in another order": (DATA, m.array("x_train", lambda x: x[::-1]), again, "beside it"),
    "a summary of other images": (SUMMARY, m.field("sha256", "0" * 64), again, "dataset.npz"),
    "a summary cut in two": (SUMMARY, m.cut(0.5), again, "not complete JSON"),
    # federations
    "a federation cut in two": (DEALT, m.cut(0.5), again, "truncated"),
    "a federation edited": (DEALT, m.field("holdout", 0.2), again, "was edited"),
    "a federation edited, only shown": (DEALT, m.field("holdout", 0.2), run, "was edited"),
    "a federation of version 9": (DEALT, m.sealed_field("version", 9), again, "of version"),
    "a federation of other images": (DEALT, m.sealed_field("dataset_sha256", "0"), again, "other"),
    "an image beyond the last": (DEALT, m.sealed_field("train.0.0", 10**6), again, "not have"),
    "an image below the first": (DEALT, m.sealed_field("train.0.0", -5), again, "train: 0"),
    "an image that does not fit 64 bits": (DEALT, m.sealed_field("train.0.0", 2**70), again, ""),
    "an image in two hands": (DEALT, lambda data: _twice(data), again, "held twice"),
    "a client twice in the order": (DEALT, m.sealed_field("order.0", 1), again, "order"),
    "a held-out share that is none": (DEALT, m.sealed_field("holdout", NAN), again, "holdout"),
    "counts that are not a number": (DEALT, m.sealed_field("label_counts.0.0", NAN), again, ""),
    "counts that lack a client": (
        DEALT,
        m.sealed_field("label_counts.0", m.GONE),
        again,
        "not of its 10",
    ),
    "a federation without an order": (DEALT, m.sealed_field("order", m.GONE), run, "order"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_damaged_file_is_one_sentence_and_changes_no_result(case: str, study: Path) -> None:
    file, damage, use, part = FILES[case]
    path = study / file
    path.write_bytes(damage(path.read_bytes()))
    before = workbench.contents(study, UNLIKE)
    said = use(study)
    refused(said, path.name if use is not replay or "early" not in case else RUN, part)
    after = workbench.contents(study, UNLIKE)
    assert {name: after.get(name) for name in after if name in before} == {
        name: before[name] for name in after if name in before
    }
    assert not [name for name in after if name not in before and "journal" not in name]


STATE = f"{WARMUP}/state/state.json"
# Work in progress that was damaged is done again, from before the damage, and said to be.
MENDED: dict[str, tuple[str, m.Damage, str]] = {
    "no state": (STATE, m.only(b""), "starting over"),
    "a state cut in two": (STATE, m.cut(0.5), "starting over"),
    "a state nested deeply": (STATE, m.only(DEEP), "starting over"),
    "a state that is a list": (STATE, m.only(b"[]"), "starting over"),
    "a state of another version": (STATE, m.field("format", "x"), "another version"),
    "a state of another seed": (STATE, m.field("origin.seed", 9), "seed was 9 and is 0"),
    "rows that were edited": (STATE, m.field("rows.2.test_loss", 0.5), "was changed"),
    "costs that were edited": (STATE, m.field("tally.bytes_up", 0), "was changed"),
    "a round that is not the last": (STATE, m.field("t", 50), "was changed"),
    "a model with a wrong bit": (
        f"{WARMUP}/state/round-000060.safetensors",
        m.flipped(0.7),
        "was changed",
    ),
    "a torn journal": (JOURNAL, lambda data: data[:-20], "replaying 39 rounds"),
    "a journal damaged in its middle": (JOURNAL, m.flipped(0.5), "is damaged; going on from"),
    "a record of no numbers": (JOURNAL, m.record(7, "scalars.0", ["x"]), "line 8, at byte"),
    "a record without its round": (JOURNAL, m.lines(lambda x: [x[0], b"{}\n"]), "line 2, at"),
    "a journal of another run": (JOURNAL, m.record(0, "origin.seed", 9), "seed was 9 and is 0"),
    "a journal of an older version": (JOURNAL, m.record(0, "format", "1"), "starting over"),
    "a journal that is none": (JOURNAL, m.only(b"hello\n"), "line 1, at byte 0, is damaged"),
}


@pytest.mark.parametrize("case", MENDED)
def test_damaged_work_in_progress_is_done_again_to_the_same_bytes(
    case: str, made: Path, study: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, damage, part = MENDED[case]
    before = workbench.contents(made, UNLIKE)
    path = study / file
    path.write_bytes(damage(path.read_bytes()))
    for record in (f"{WARMUP}/run.json", RECORD):
        (study / record).unlink(missing_ok=True)
    caplog.set_level("INFO", "zowarmup")
    assert run(study).code == 0
    assert part in caplog.text
    after = workbench.contents(study, UNLIKE)
    for name in (f"{WARMUP}/metrics.csv", ROWS, FINAL, JOURNAL, SNAPSHOT):
        assert after[name] == before[name], name


# --- the same by chance ---------------------------------------------------------------------


def fresh(made: Path, tmp_path: Path) -> Path:
    """A copy for each example."""
    study = tmp_path / "results" / "tiny"
    shutil.rmtree(study, ignore_errors=True)
    return Path(shutil.copytree(made, study))


def answered(said: Said) -> None:
    """Something was refused, or the change says nothing here; `verify` ends with 1 then."""
    assert said.code in (0, 1, 2)
    if said.code == 2:
        refused(said)


@pytest.mark.parametrize(
    ("file", "use"),
    [(FINAL, look), (SNAPSHOT, again), (JOURNAL, replay), (RECORD, replay), (DEALT, run)],
    ids=["checkpoint", "snapshot", "journal", "record", "federation"],
)
@repeatable
@given(
    begin=st.floats(0, 1),
    removed=st.integers(0, 64),
    added=st.binary(max_size=64),
    end=st.booleans(),
)
def test_bytes_that_were_overwritten(
    file: str,
    use: Use,
    made: Path,
    tmp_path: Path,
    begin: float,
    removed: int,
    added: bytes,
    end: bool,
) -> None:
    """A sentence, or what the whole file gives where the change says nothing; never a traceback."""
    study = fresh(made, tmp_path)
    data = (study / file).read_bytes()
    at = int(begin * len(data))
    (study / file).write_bytes(data[:at] + added + (b"" if end else data[at + removed :]))
    answered(use(study))


VALUES: dict[str, tuple[str, Any, Use]] = {
    "checkpoint": (FINAL, m.facts, replay),
    "checkpoint compared": (FINAL, m.facts, compare),
    "journal": (JOURNAL, m.record, replay),
    "record": (RECORD, m.field, run),
    "record replayed": (RECORD, m.field, replay),
    "record evaluated": (RECORD, m.field, evaluate),
    "record cleaned": (RECORD, m.field, clean),
    "record verified": (RECORD, m.field, verify),
    "state": (f"{WARMUP}/state/state.json", m.field, status),
    "federation": (DEALT, m.sealed_field, again),
    "federation inspected": (DEALT, m.sealed_field, look_at_federation),
    "choice": (RATE, m.field, again),
}
STRANGE = [None, "x", -1, 1.5, NAN, HUGE, 2**40, [], {}, [1], {"a": 1}, True, "../..", m.GONE]


@pytest.mark.parametrize("case", VALUES)
@repeatable
@given(data=st.data())
def test_values_that_were_replaced(
    case: str, made: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """By other types and sizes, where checksums are right."""
    file, damage, use = VALUES[case]
    study = fresh(made, tmp_path)
    content = (study / file).read_bytes()
    key, new = data.draw(st.sampled_from(_keys(file, content))), data.draw(st.sampled_from(STRANGE))
    change = damage(3, key, new) if file == JOURNAL else damage(key, new)
    (study / file).write_bytes(change(content))
    answered(use(study))


def _keys(file: str, content: bytes) -> list[str]:
    if file == JOURNAL:
        return list(m.keys(json.loads(content.splitlines()[3])["record"]))
    if file == FINAL:
        return ["model", "shape", "shape.0", "classes", "width", "round", "names", "names.0"]
    return list(m.keys(json.loads(content)))


# --- configs and claims ---------------------------------------------------------------------

TEXT = TINY.read_text(encoding="utf-8")
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(9)
)
CONFIGS: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "a config is a mapping"),
    "a list": ("- name: tiny\n", "a config is a mapping"),
    "a text": ("tiny", "a config is a mapping"),
    "two documents": (TEXT + "---\n" + TEXT, "not valid YAML"),
    "no end of a list": ("name: [tiny", "not valid YAML"),
    "a tab": ("name:\n\t- tiny", "not valid YAML"),
    "no text": (b"\xff\xfe" + TEXT.encode(), "not valid YAML"),
    "a zero byte": ("name: \0", "not valid YAML"),
    "a name of nothing": ("name: *nothing", "not valid YAML"),
    "Python to be run": ("name: !!python/object/apply:os._exit [66]\n", "not valid YAML"),
    "a Python module": ("name: !!python/module:os\n", "not valid YAML"),
    "a billion laughs": (TEXT + LAUGHS, "unknown key"),
    "a billion laughs in a key": (
        LAUGHS + TEXT.replace("tables: [main]", "tables: *a9"),
        "unknown key",
    ),
    "a list within itself": (TEXT + "memory: &m {models: *m}\n", "memory.models"),
    "lists too deep": ("name: " + "[" * 5000, "not valid YAML"),
    "a month that there is not": ("name: !!timestamp 2024-13-45\n", "not valid YAML"),
    "a number of 5000 digits": ("seeds: " + "1" * 5000, "not valid YAML"),
    "a key twice": (TEXT + "name: other\n", "given twice"),
    "a key that is a list": (TEXT + "[1]: 2\n", "not valid YAML"),
    "an unknown key": (TEXT + "learning_rate: 1\n", "learning_rate: unknown key"),
    "templates of Snakemake": (TEXT + "__use_yte__: true\n", "__use_yte__: unknown key"),
    "a name that leaves the folder": (TEXT.replace("name: tiny", "name: ../tiny"), "name"),
    "no seeds": (TEXT.replace("seeds: 2", "seeds: 0"), "seeds"),
    "more seeds than years": (TEXT.replace("seeds: 2", "seeds: 1000000000000"), "seeds"),
    "half a client": (TEXT.replace("clients: 10,", "clients: 10.5,"), "clients"),
    "a federation of nothing": (TEXT.replace("federation: default", "federation: x"), "federation"),
    "no data": (TEXT.replace("  digits: {", "  other: {"), "digits"),
    "a rate that is no number": (TEXT.replace("[0.03, 0.1]", "[.nan, 0.1]"), "selection.grid"),
    "an infinite rate": (TEXT.replace("[0.03, 0.1]", "[.inf, 0.1]"), "selection.grid"),
    "a phase that is a text": (
        TEXT.replace("- {algorithm: zo, clients: all, rounds: 40}", "- zo"),
        "zowarmup.phases",
    ),
    "an algorithm that there is not": (TEXT.replace("algorithm: zo,", "algorithm: os,"), "os"),
    "a file below that is not there": ("extends: nowhere.yaml\n", "nowhere.yaml: no such file"),
    "a file below that is a folder": ("extends: /\n", "cannot be read"),
    "a file below that is a list": ("extends: [a]\n", "no such file"),
    "itself": ("extends: bad.yaml\n", "break the circle"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_config_that_cannot_be_run(case: str, tmp_path: Path) -> None:
    text, part = CONFIGS[case]
    file = tmp_path / "bad.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(zowarmup("plan", "--list", file), part)
    refused(zowarmup("run", file, "--results", tmp_path / "results"), part)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("command", ["plan", "run", "clean"])
def test_a_config_that_is_not_there(command: str, tmp_path: Path) -> None:
    refused(zowarmup(command, tmp_path / "no.yaml"), "no.yaml: no such file")
    refused(zowarmup(command, tmp_path), "cannot be read")


@repeatable
@given(data=st.data())
def test_a_config_with_a_strange_value(tmp_path: Path, data: st.DataObject) -> None:
    strange = [None, "x", -1, 0, 1.5, NAN, math.inf, 10**30, [], {}, [1], {"a": {"b": 1}}, True, ""]
    whole = yaml.safe_load(TEXT)
    key, new = data.draw(st.sampled_from(list(m.keys(whole)))), data.draw(st.sampled_from(strange))
    file = tmp_path / "bad.yaml"
    file.write_text(yaml.safe_dump(m.put(whole, key, new)))
    said = zowarmup("plan", "--list", file)
    if said.code:
        refused(said, "bad.yaml")


CLAIMS = {
    "a list": ("- 1", "a mapping"),
    "no text": (b"\xff", "not valid YAML"),
    "Python to be run": ("a: !!python/object/apply:os._exit [66]", "not valid YAML"),
    "a claim that is a text": ("one: yes it is", "one"),
    "a claim of nothing": ("one: {}", "one."),
    "an unknown key": ("one: {claim: 1}", "unknown key"),
    "claims of another file": ("extends: claims.yaml", "claims"),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_claims_that_say_nothing(case: str, tmp_path: Path) -> None:
    text, part = CLAIMS[case]
    (tmp_path / "claims.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=part) as error:
        schema.read(tmp_path / "claims.yaml")
    assert str(tmp_path / "claims.yaml") in str(error.value)


# --- data of the user -----------------------------------------------------------------------


def npz(folder: Path, damage: m.Damage) -> None:
    """A good small data set, then damaged."""
    x = np.arange(60 * 64, dtype=np.uint8).reshape(60, 8, 8)
    y = np.arange(60) % 10
    out = io.BytesIO()
    np.savez(out, x_train=x[:50], y_train=y[:50], x_test=x[50:], y_test=y[50:])
    (folder / "images.npz").write_bytes(damage(out.getvalue()))


def cifar(folder: Path, damage: m.Damage) -> None:
    place = folder / "cifar-10-batches-py"
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        pickling.write(place / name, pickling.rows(20, 10))
    (place / "data_batch_3").write_bytes(damage((place / "data_batch_3").read_bytes()))


def imagenet32(folder: Path, damage: m.Damage) -> None:
    pickling.write_imagenet32(folder)
    (folder / "train_data_batch_7").write_bytes(
        damage((folder / "train_data_batch_7").read_bytes())
    )


def pickled(content: object) -> m.Damage:
    return m.only(pickle.dumps(content, 2))


Make = Callable[[Path, m.Damage], None]
IMAGES: dict[str, tuple[str, Make, m.Damage, str]] = {
    "npz: cut in two": ("images", npz, m.cut(0.5), "images.npz: not a readable .npz"),
    "npz: no zip": ("images", npz, m.only(b"hello"), "images.npz"),
    "npz: one plain array": ("images", npz, m.only(_npy(np.ones(3))), "one plain array"),
    "npz: an object": (
        "images",
        npz,
        m.array("y_train", lambda y: np.array([Bomb()], object)),
        "y_train cannot be read",
    ),
    "npz: a number with a point": ("images", npz, m.array("x_train", lambda x: x / 1), "float64"),
    "npz: no number": ("images", npz, m.array("x_test", lambda x: x * NAN), "x_test"),
    "npz: 20 TB": (
        "images",
        npz,
        m.says_shape("x_train", "(200000000000, 10, 10)"),
        "x_train cannot be read",
    ),
    "npz: a negative shape": ("images", npz, m.says_shape("x_train", "(-1, 8)"), "x_train"),
    "npz: labels from 1": ("images", npz, m.array("y_train", lambda y: y + 1), "class 0"),
    "npz: no labels": ("images", npz, m.arrays(lambda a: _without(a, "y_test")), "y_test"),
    "cifar10: cut in two": ("cifar10", cifar, m.cut(0.5), "data_batch_3: not a readable pickle"),
    "cifar10: empty": ("cifar10", cifar, m.only(b""), "data_batch_3: not a readable pickle"),
    "cifar10: code": ("cifar10", cifar, m.only(pickle.dumps({"a": Bomb()}, 2)), "nothing of it"),
    "cifar10: a list": ("cifar10", cifar, pickled([1]), "no dict"),
    "cifar10: text for images": ("cifar10", cifar, pickled({"data": "x", "labels": [0]}), "data"),
    "cifar10: label 10": (
        "cifar10",
        cifar,
        pickled(pickling.rows(20, 10) | {"labels": [10] * 20}),
        "labels go from 10",
    ),
    "cifar10: too few labels": (
        "cifar10",
        cifar,
        pickled(pickling.rows(20, 10) | {"labels": [1]}),
        "1 labels",
    ),
    "imagenet32: cut in two": ("imagenet32", imagenet32, m.cut(0.5), "train_data_batch_7"),
    "imagenet32: other instructions": (
        "imagenet32",
        imagenet32,
        m.only(b"\x80\x03cos\nsystem\n(X\x04\x00\x00\x00true\x85R."),
        "os.system",
    ),
    "imagenet32: of 64 pixels": (
        "imagenet32",
        imagenet32,
        pickled({"data": np.zeros((4, 12288), np.uint8), "labels": [1] * 4}),
        "32 x 32",
    ),
    "imagenet32: labels from 0": (
        "imagenet32",
        imagenet32,
        pickled(pickling.rows(4, 4)),
        "counts from 1",
    ),
}


@pytest.mark.parametrize("case", IMAGES)
def test_images_that_cannot_be_used(
    case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, make, damage, part = IMAGES[case]
    (tmp_path / "data").mkdir()
    make(tmp_path / "data", damage)
    config = tmp_path / "bad.yaml"
    place = f"source: {source}, data_dir: {tmp_path / 'data'}"
    own = f"{{{place}, images_train: null, images_test: null}}"
    config.write_text(f"extends: {TINY}\nname: bad\ndatasets: {{digits: {own}}}\n")
    refused(zowarmup("run", config, "--results", tmp_path / "results"), part)
    assert not [path for path in (tmp_path / "results").rglob("*") if path.is_file()]


# --- no file runs code ----------------------------------------------------------------------

# What makes objects of a file's choice, and what has to be said with it.
UNSAFE = {
    "pickle": None,
    "pickle.load": None,
    "pickle.loads": None,
    "pickle.Unpickler": None,
    "cPickle": None,
    "dill": None,
    "joblib": None,
    "shelve": None,
    "marshal": None,
    "cloudpickle": None,
    "torch.load": "weights_only",
    "yaml.load": None,
    "yaml.unsafe_load": None,
    "yaml.full_load": None,
    "pd.read_pickle": None,
    "eval": None,
    "exec": None,
    "__import__": None,
    "np.load": "allow_pickle",
    "numpy.load": "allow_pickle",
}
SOURCES = [
    *sorted((workbench.PROJECT / "zowarmup").rglob("*.py")),
    *sorted((workbench.PROJECT / "workflow").rglob("*.py")),
]


def unsafe(source: str) -> Iterator[str]:
    """The calls and imports in a module that could make a file run."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            names = [module or "", *(alias.name for alias in node.names)]
            yield from (name for name in names if name in UNSAFE)
        elif isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in UNSAFE:
            told = {word.arg: ast.unparse(word.value) for word in node.keywords}
            safe = {"allow_pickle": "False", "weights_only": "True"}
            needed = UNSAFE[name]
            loader = [ast.unparse(argument) for argument in node.args[1:]]
            if name == "yaml.load" and loader == ["_Loader"]:
                continue  # a SafeLoader, see below
            if needed is None or told.get(needed) != safe[needed]:
                yield f"{name} in line {node.lineno}"


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_no_module_loads_what_could_run(file: Path) -> None:
    """One restricts what a pickle can name, see tests/data/test_sources.py."""
    restricted = file.parts[-3:] == ("data", "sources", "pickles.py")
    assert list(unsafe(file.read_text(encoding="utf-8"))) == ["pickle"] * restricted


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "np.load(f)",
        "np.load(f, allow_pickle=True)",
        "yaml.load(f, yaml.Loader)",
        "eval(text)",
    ],
)
def test_the_search_finds_what_could_run(source: str) -> None:
    assert list(unsafe(source))


def test_the_loader_of_configs_is_a_safe_one() -> None:
    assert issubclass(yaml_file._Loader, yaml.SafeLoader)
    for tag in yaml_file._Loader.yaml_constructors:
        assert "python" not in str(tag)
    assert not yaml_file._Loader.yaml_multi_constructors


# --- jobs of the workflow -------------------------------------------------------------------


def test_a_job_says_which_of_its_inputs_is_damaged(
    project: Path, made: Path, tmp_path: Path
) -> None:
    """On the terminal and in its log, without a traceback of ours, and nothing is made of it."""
    copy = workbench.copy_project(tmp_path / "copy", project)
    data = copy / "results" / "tiny" / DATA
    data.parent.mkdir(parents=True)
    for file in (DATA, SUMMARY):
        shutil.copy2(made / file, copy / "results" / "tiny" / file)
    data.write_bytes(m.cut(0.5)(data.read_bytes()))
    before = data.read_bytes()
    dealt = f"results/tiny/{DEALT}"
    answer = workbench.snakemake(copy, dealt, "--cores", "1", "--configfile", "tiny.yaml")
    assert answer.code == 1
    sentence = f"zowarmup: results/tiny/{DATA}: not a readable .npz file ("
    assert sentence in answer.text
    assert "Traceback" not in answer.text.split("RuleException")[0]
    log = (copy / "results/tiny/logs/federation/default/0.log").read_text()
    assert log.count("\n") == 1
    assert "not a readable .npz" in log
    assert data.read_bytes() == before
    assert not (copy / dealt).exists()


def test_what_nobody_foresaw_is_in_the_log_and_one_line_on_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(SystemExit) as end, log_to(log):
        raise LookupError("odd\nin many lines")
    assert end.value.code == f"zowarmup: the job failed (LookupError: odd); {log} says where"
    assert "Traceback" in log.read_text()


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end, log_to(tmp_path / "nowhere" / "log"):
        raise AssertionError("it must not begin")
    assert str(end.value.code).startswith(f"zowarmup: {tmp_path}/nowhere/log: No such file")


def test_a_workflow_says_what_is_wrong_before_it_makes_anything(
    project: Path, tmp_path: Path
) -> None:
    """Snakemake reads the config first; what it cannot read it names in a last line of its own."""
    copy = workbench.copy_project(tmp_path / "copy", project)
    (copy / "bad.yaml").write_text(TEXT.replace("clients: 10,", "clients: ten,"))
    (copy / "list.yaml").write_text("- 1\n")
    (copy / "code.yaml").write_text("name: !!python/object/apply:os._exit [66]\n")
    files = ("bad.yaml", "list.yaml", "code.yaml", "nowhere.yaml")
    answers = workbench.snakemake_many([(copy, ["-n", "--configfile", file]) for file in files])
    assert [answer.code for answer in answers] == [1] * len(files)
    bad, *others = (answer.text.strip().splitlines() for answer in answers)
    assert bad[-1].startswith("zowarmup: ")
    assert "bad.yaml: federations.default.clients:" in bad[-1]
    for lines in others:
        assert "onfig file" in lines[-1] or "nowhere.yaml" in lines[-1]
    assert not (copy / "results").exists()
