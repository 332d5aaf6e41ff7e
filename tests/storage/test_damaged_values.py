"""Random damage to the files of a study: a sentence or a result, never a traceback."""

import json
import shutil
from pathlib import Path
from typing import Any

import malform as m
import pytest
from commands import (
    DEALT,
    FINAL,
    HUGE,
    JOURNAL,
    NAN,
    RATE,
    RECORD,
    SNAPSHOT,
    WARMUP,
    Said,
    Use,
    again,
    clean,
    compare,
    evaluate,
    look,
    look_at_federation,
    refused,
    repeatable,
    replay,
    run,
    status,
    verify,
)
from hypothesis import given
from hypothesis import strategies as st


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
