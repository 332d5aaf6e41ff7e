"""The journal as a file: records come back, torn lines are dropped, damage is named."""

import math
from pathlib import Path

import pytest
import small_runs
from small_runs import THIS, Spec

from zowarmup.storage import journal
from zowarmup.storage.journal import JournalError

RECORD = {
    "round": 11,
    "clients": [0, 2],
    "weights": [0.25, 0.75],
    "scalars": [[0.1, -3e-30], [1e30, 0.0]],
    "lr": 0.1,
    "dropped": [],
}


def written(file: Path, *records: Spec) -> bytes:
    with journal.Journal(file, THIS) as opened:
        for record in records:
            opened.append(record)
    return file.read_bytes()


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    written(tmp_path / "j", RECORD, RECORD | {"round": 12})
    assert small_runs.entries_of(tmp_path / "j") == [RECORD, RECORD | {"round": 12}]


def test_a_record_is_with_the_system_before_the_next_round(tmp_path: Path) -> None:
    """Killing the process loses nothing: what was appended can be read while it is still open."""
    with journal.Journal(tmp_path / "j", THIS) as opened:
        for n in range(3):
            opened.append(RECORD)
            assert len(small_runs.entries_of(tmp_path / "j")) == n + 1


def test_old_records_are_read_one_at_a_time_and_new_ones_are_not(tmp_path: Path) -> None:
    """Records of many clients, all at once, would need many times the memory of the file."""
    written(tmp_path / "j", RECORD, RECORD | {"round": 12})
    with journal.Journal(tmp_path / "j", THIS) as opened:
        old = opened.entries()
        assert (opened.count, next(old)) == (2, RECORD)
        opened.append(RECORD | {"round": 13})
        assert [record["round"] for record in old] == [12]


@pytest.mark.parametrize("missing", [1, 2, 50])
def test_a_torn_last_line_is_dropped(tmp_path: Path, missing: int) -> None:
    text = written(tmp_path / "j", RECORD, RECORD)
    (tmp_path / "j").write_bytes(text[:-missing])
    assert small_runs.entries_of(tmp_path / "j") == [RECORD]
    assert written(tmp_path / "j", RECORD) == text


@pytest.mark.parametrize("position", [2, 20, 60, -2])
@pytest.mark.parametrize("line", [1, 2, 3])
def test_damage_is_named_by_its_place_and_gone_on_from_before_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: int, position: int
) -> None:
    """Also in the last line, if that was written to its end: it is no kill then."""
    text = written(tmp_path / "j", RECORD, RECORD)
    lines = text.splitlines(keepends=True)
    broken = bytearray(lines[line - 1])
    broken[position] ^= 1
    (tmp_path / "j").write_bytes(b"".join([*lines[: line - 1], bytes(broken), *lines[line:]]))
    byte = sum(map(len, lines[: line - 1]))
    expected = f"{tmp_path / 'j'}: line {line}, at byte {byte}, is damaged"
    with pytest.raises(JournalError, match=f"^{expected}"):
        small_runs.entries_of(tmp_path / "j")
    left = max(0, line - 2)
    with journal.Journal(tmp_path / "j", THIS) as opened:
        assert opened.count == left
    assert f"{expected}; resuming from the lines before" in caplog.messages
    assert written(tmp_path / "j", *[RECORD] * (2 - left)) == text


def test_a_lost_or_foreign_journal_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no such journal"):
        journal.provenance_of(tmp_path / "j")
    (tmp_path / "j").write_bytes(journal.line({"format": "something"}))
    with pytest.raises(JournalError, match="not a journal of this version"):
        journal.provenance_of(tmp_path / "j")


def test_a_number_that_json_lacks_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        written(tmp_path / "j", RECORD | {"scalars": [[math.nan]]})
