"""Damaged files of a study: one sentence each, and no result changes.

Every case runs as a user would run it, by the command line, on a copy of a finished study. Results
are compared by their bytes before and after.
"""

import json
import pickle
from pathlib import Path
from typing import Any

import malform as m
import numpy as np
import pytest
import workbench
from commands import (
    DATA,
    DEALT,
    DEEP,
    FINAL,
    HUGE,
    JOURNAL,
    NAN,
    RATE,
    RECORD,
    ROWS,
    RUN,
    SNAPSHOT,
    SUMMARY,
    UNLIKE,
    WARMUP,
    Use,
    again,
    clean,
    look,
    refused,
    replay,
    resumed,
    run,
)


def swapped(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


def _plain(header: dict[str, Any]) -> dict[str, Any]:
    return {name: said for name, said in header.items() if name != "__metadata__"}


def _halved(header: dict[str, Any]) -> dict[str, Any]:
    """The same bytes as twice as many numbers of half the size."""
    *rest, last = header["1.weight"]["shape"]
    return header | {"1.weight": header["1.weight"] | {"dtype": "F16", "shape": [*rest, 2 * last]}}


def _twice(data: bytes) -> bytes:
    image = json.loads(data)["train"][1][0]
    return m.sealed_field("train.0.0", image)(data)


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
    "facts that are a list": (FINAL, m.facts_text(lambda _: "[1]"), look, "does not hold"),
    "names that are missing": (FINAL, m.facts("names", m.GONE), look, "names"),
    "names that are a number": (FINAL, m.facts("names", 7), look, "does not hold"),
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
        "clients and their shares",
    ),
    "a rate that is a text": (JOURNAL, m.record(1, "lr", "0.1"), replay, "lr"),
    "a rate below 0": (JOURNAL, m.record(1, "lr", -1.0), replay, "lr"),
    "two records in the wrong order": (JOURNAL, m.lines(swapped), resumed, "expected round 21"),
    "a record of another round": (JOURNAL, m.record(5, "round", 1 << 40), resumed, "round 25"),
    "a journal that ends too early": (JOURNAL, m.lines(lambda x: x[:9]), replay, "20 to 28"),
    # records and rows
    "a record of a run cut in two": (RECORD, m.cut(0.5), run, "not complete JSON"),
    "an empty record of a run": (RECORD, m.only(b""), replay, "not complete JSON"),
    "a record of a run that is a list": (RECORD, m.only(b"[]"), clean, "no JSON object"),
    "a record of a run nested deeply": (RECORD, m.only(DEEP), clean, "not complete JSON"),
    "a record of a run that is no text": (RECORD, m.only(b"\xff\xfe{}"), run, "not UTF-8 text"),
    "a record without its settings": (RECORD, m.field("spec", m.GONE), run, "spec"),
    "a record whose phases are none": (RECORD, m.field("spec.phases", 7), run, "does not hold"),
    "rows cut in a line": (ROWS, m.cut(0.7), run, "cut short"),
    "rows without an end": (ROWS, lambda data: data[:-1], run, "cut short"),
    "no rows": (ROWS, m.lines(lambda x: x[:1]), run, "cut short"),
    "rows with a field too many": (ROWS, m.lines(lambda x: [*x, x[1][:-1] + b",1\n"]), run, ""),
    "a field that never ends": (ROWS, lambda data: data + b'"' + bytes(200_000), run, ""),
    "a round that is a text": (ROWS, m.cell(1, "round", "x"), run, "does not hold"),
    "a recall that is a text": (ROWS, m.cell(1, "recall_0", "x"), run, "does not hold"),
    "rows that are not all there": (ROWS, m.lines(lambda x: x[:3]), run, "the last round is"),
    "costs that are texts": (f"{WARMUP}/metrics.csv", m.cell(2, "bytes_up", "x"), again, "not"),
    "a choice cut in two": (RATE, m.cut(0.5), again, "not complete JSON"),
    "a choice of nothing": (RATE, m.field("lr", m.GONE), again, "does not hold"),
    "a rate that is a list": (RATE, m.field("lr", []), again, "does not hold"),
    "a chosen rate that is no number": (RATE, m.field("lr", NAN), again, "lr is nan"),
    "a federation of nobody, only shown": (DEALT, m.sealed_field("train", []), run, "fit its 0"),
    "counts that are a number, only shown": (DEALT, m.sealed_field("label_counts", 7), run, ""),
    # images
    "images cut in two": (DATA, m.cut(0.5), again, "not a readable .npz"),
    "an image changed": (DATA, m.flipped(0.3), again, "cannot be read"),
    "no training images": (DATA, m.arrays(lambda a: m.without(a, "x_train")), again, "x_train"),
    "images that are numbers with a point": (
        DATA,
        m.array("x_train", lambda x: x / 255),
        again,
        "beside it",
    ),
    "images that are Python objects": (
        DATA,
        m.array("x_train", lambda x: np.array([m.Bomb()], object)),
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
        "not fit its 10",
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
    "rows that were edited": (STATE, m.field("rows.2.test_loss", 0.5), "has changed"),
    "costs that were edited": (STATE, m.field("tally.bytes_up", 0), "has changed"),
    "a round that is not the last": (STATE, m.field("t", 50), "has changed"),
    "a model with a wrong bit": (
        f"{WARMUP}/state/round-000060.safetensors",
        m.flipped(0.7),
        "has changed",
    ),
    "a torn journal": (JOURNAL, lambda data: data[:-20], "replaying 39 rounds"),
    "a journal damaged in its middle": (JOURNAL, m.flipped(0.5), "is damaged; resuming from"),
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
