"""Text of natural clients: which bytes they hold, and what is refused in one sentence."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from texts import play

from zowarmup.common.errors import UserError
from zowarmup.config import data_files, datasets
from zowarmup.data import any_dataset, dataset_file, federation, text_blocks
from zowarmup.data.sources import docstrings, text


def load(**keys: Any) -> dataset_file.Dataset:
    return any_dataset.load(datasets.read({"context": 16} | keys))


def decoded(x: np.ndarray) -> str:
    return bytes(x.ravel().astype(np.uint8)).decode()


# --- texts by client ------------------------------------------------------------------------


def test_a_name_with_a_colon_begins_a_speech(tmp_path: Path) -> None:
    file = tmp_path / "play.txt"
    file.write_text(
        "Title\n\nFirst Man:\nGood day.\nI say this:\n\nKATE: Well,\nthen.\n\nFirst Man: No."
    )
    assert text.read(datasets.read({"text": str(file), "speakers": "colon"})) == {
        "First Man": "Good day.\nI say this:\nNo.",
        "KATE": "Well,\nthen.",
    }


def test_a_line_in_capitals_begins_a_speech(tmp_path: Path) -> None:
    file = tmp_path / "play.txt"
    file.write_text("HAMLET\nTo be, OR\nnot.\n\nTHE QUEEN.\nOh.\n\nHAMLET\nYes.\n")
    assert text.read(datasets.read({"text": str(file), "speakers": "capitals"})) == {
        "HAMLET": "To be, OR\nnot.\nYes.",
        "THE QUEEN": "Oh.",
    }


def test_files_and_sub_folders_are_clients(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    for name, words in (("ann/2.txt", "b"), ("ann/1.txt", "a"), ("bob.txt", "c"), (".hidden", "d")):
        (tmp_path / name).write_text(words)
    assert text.read(datasets.read({"text": str(tmp_path)})) == {"ann": "a\nb", "bob.txt": "c"}


def test_json_lines_name_text_and_client(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    rows = [{"who": w, "post": p} for w, p in (("x", "one"), ("y", "two"), ("x", "three"))]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n")
    settings = datasets.read({"text": str(file), "field": "post", "client": "who"})
    assert text.read(settings) == {"x": "one\nthree", "y": "two"}


def test_docstrings_are_read_without_an_import() -> None:
    """Of a package that no test imports; modules in order, docstrings in the order of lines."""
    read = docstrings.read("snakefmt")
    assert "snakefmt" not in sys.modules
    assert list(read) == sorted(read)
    assert any(read.values())
    assert len(
        data_files.files(datasets.read({"docstrings": "snakefmt"}), data_files.package("snakefmt"))
    ) == len(read)


# --- blocks ---------------------------------------------------------------------------------


def test_each_byte_but_the_first_is_predicted_once() -> None:
    blocks = text_blocks.blocks(b"0123456789", 3)
    assert ["".join(map(chr, row)) for row in blocks] == ["0123", "3456", "6789"]
    assert text_blocks.blocks(b"012", 3).shape == (0, 4)


def test_held_out_clients_and_ends_are_for_testing(tmp_path: Path) -> None:
    data = load(text=play(tmp_path), speakers="colon", clients=4, test_clients=2, test_tail=0.25)
    assert data.classes == 256
    assert data.x_train.dtype == np.int64
    np.testing.assert_array_equal(data.x_train[:, 1:], data.y_train[:, :-1])
    given = data.given
    assert given is not None
    assert len(given.names) == 4
    sizes = np.bincount(given.train)
    whole = text.read(datasets.read({"text": play(tmp_path), "speakers": "colon"}))
    for k, name in enumerate(given.names):
        own = data.x_train[given.train == k]
        assert decoded(own) == whole[name][: own.size]
    tested = [name for name in whole if name not in set(given.names)]
    assert decoded(data.x_test).startswith(whole[sorted(tested)[0]][:32])
    blocks = [(len(whole[name].encode()) - 1) // 16 for name in given.names]
    assert sizes.tolist() == [n - -(-n // 4) for n in blocks]


def test_the_file_holds_the_vocabulary(tmp_path: Path) -> None:
    data = load(text=play(tmp_path), speakers="colon")
    dataset_file.save(data, tmp_path / "dataset.npz")
    again = dataset_file.load(tmp_path / "dataset.npz")
    assert again.vocabulary == 256
    assert again.sha256 == data.sha256
    dealt = federation.build(again, clients="given", holdout=0.1, seed=0)
    assert dealt.label_counts.sum() == data.y_train.size
    federation.save(dealt, tmp_path / "federation.json")
    assert federation.load(tmp_path / "federation.json", again).clients == dealt.clients


def test_the_draw_of_clients_depends_on_the_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on where the text lies, nor on the folder from which its path starts."""
    data = load(text=play(tmp_path, speakers=12), speakers="colon")
    (tmp_path / "moved").mkdir()
    moved = load(text=play(tmp_path / "moved", speakers=12), speakers="colon")
    monkeypatch.chdir(tmp_path)
    relative = load(text="moved/play.txt", speakers="colon")
    assert data.sha256 == moved.sha256 == relative.sha256
    assert {data.name, moved.name, relative.name} == {"play.txt"}


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "give `speakers`"),
        ({"speakers": "capitals"}, "no line names a speaker"),
        ({"field": "a", "client": "b"}, "line 1: is no JSON"),
        ({"speakers": "colon", "clients": 9}, "use fewer"),
        ({"speakers": "colon", "context": 10_000}, "use fewer"),
    ],
)
def test_a_text_without_clients(tmp_path: Path, keys: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        load(text=play(tmp_path), **{"clients": 2} | keys)


def test_a_package_that_is_not_installed() -> None:
    with pytest.raises(UserError, match="not installed"):
        load(docstrings="no_such_package")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="no text in UTF-8"):
        load(text=str(tmp_path))


def test_text_has_no_classes_to_deal_by(tmp_path: Path) -> None:
    data = load(text=play(tmp_path), speakers="colon")
    with pytest.raises(UserError, match="clients: given"):
        federation.build(data, clients=3, alpha=0.1, holdout=0.1, seed=0)
    assert federation.build(data, clients=3, alpha="infinite", holdout=0.1, seed=0).clients == 3
