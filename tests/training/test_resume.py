"""A run that is resumed from its journal ends with the same model, rows and journal."""

import itertools
import logging
import math
from pathlib import Path

import pytest
import small_runs
import torch
from small_runs import (
    ALL,
    RECORDED,
    SEEDS,
    WARM,
    Spec,
    equal_rows,
    fedavg,
    finish,
    last_of,
    phase_of,
    replayable,
    spec_of,
    steps_of,
    zo,
)
from torch import Tensor

from zowarmup.storage import journal
from zowarmup.training.context import Context


@pytest.mark.parametrize("cut", [0, 1, 60, 130, 131, 1000, 5000])
def test_a_run_goes_on_from_any_piece_of_its_journal(
    context: Context, pivot: Tensor, tmp_path: Path, cut: int
) -> None:
    """Wherever a kill cuts the file, the end is the same: model, rows and the journal itself."""
    spec, file = spec_of(fedavg(), zo(participation=0.5)), tmp_path / "journal.jsonl"
    whole = finish(context, spec, pivot, tmp_path)
    text = file.read_bytes()
    file.write_bytes(text[:cut])
    again = finish(context, spec, pivot, tmp_path)
    assert torch.equal(again.w, whole.w)
    assert equal_rows(again.rows, whole.rows)
    assert again.early_change == whole.early_change
    assert file.read_bytes() == text
    assert len(text) > 5000


def test_a_finished_journal_is_only_replayed(
    context: Context, pivot: Tensor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec, file = spec_of(fedavg(), zo()), tmp_path / "journal.jsonl"
    whole, before = finish(context, spec, pivot, tmp_path), file.read_bytes()
    with caplog.at_level(logging.INFO, "zowarmup"):
        assert torch.equal(finish(context, spec, pivot, tmp_path).w, whole.w)
    assert file.read_bytes() == before
    assert f"replaying {ALL - WARM} rounds" in caplog.text


def test_a_journal_of_something_else_is_started_over(
    context: Context, pivot: Tensor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    finish(context, spec_of(fedavg(), zo(lr=0.01)), pivot, tmp_path, {"code": "other"})
    again = finish(context, spec_of(fedavg(), zo()), pivot, tmp_path)
    assert "replaying" not in caplog.text
    assert "starting over: the journal is stale: origin.code was other and is this" in caplog.text
    assert torch.equal(again.w, last_of(steps_of(context, zo(), pivot)).w)
    older = {"format": "zowarmup-journal-1", "belongs_to": "0" * 64}
    (tmp_path / "journal.jsonl").write_bytes(journal.line(older))
    assert torch.equal(finish(context, spec_of(fedavg(), zo()), pivot, tmp_path).w, again.w)
    assert "starting over: the journal is of another version" in caplog.text


@pytest.mark.parametrize("kept", [1, 12, 25])
def test_phases_without_records_do_not_take_those_of_others(
    context: Context, pivot: Tensor, tmp_path: Path, kept: int
) -> None:
    """A run of four phases is resumed: averaging on all clients leaves no records."""
    phases = fedavg(), zo(10), fedavg(10, clients="all"), zo(20)
    spec, file = spec_of(*phases), tmp_path / "journal.jsonl"
    whole = finish(context, spec, pivot, tmp_path)
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 1 + 10 + 20
    file.write_bytes(b"".join(lines[: 1 + kept]))
    again = finish(context, spec, pivot, tmp_path)
    assert torch.equal(again.w, whole.w)
    assert equal_rows(again.rows, whole.rows)
    assert file.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("kept", [0, 1, 17, 18, 29])
@pytest.mark.parametrize(("algorithm", "settings"), RECORDED, ids=str)
def test_any_run_goes_on_in_the_middle_of_its_journal(
    context: Context, pivot: Tensor, tmp_path: Path, algorithm: str, settings: Spec, kept: int
) -> None:
    """The last record is cut too; rows are equal with drift and gradient_cosine in them."""
    spec = spec_of(fedavg(), phase_of(algorithm, participation=0.5, **settings))
    file = tmp_path / "journal.jsonl"
    whole, text = finish(context, spec, pivot, tmp_path), file.read_bytes()
    lines = text.splitlines(keepends=True)
    file.write_bytes(b"".join(lines[: 1 + kept]) + lines[1 + kept][:-9])
    again = finish(context, spec, pivot, tmp_path)
    assert torch.equal(again.w, whole.w)
    assert equal_rows(again.rows, whole.rows)
    assert file.read_bytes() == text
    for row in whole.rows:
        assert abs(row["gradient_cosine"]) < 1
        assert (
            row["drift"] > 0 if algorithm in ("zo_local", "fedkseed") else math.isnan(row["drift"])
        )


def test_phases_of_different_kinds_share_one_journal(
    context: Context, pivot: Tensor, tmp_path: Path
) -> None:
    """Each begins anew from the model that the one before it has left."""
    file = tmp_path / "journal.jsonl"
    kinds = ("zo", "zo_adam", "zo_local", "fedkseed")
    spec = spec_of(fedavg(), *(phase_of(kind, 10) for kind in kinds))
    whole, text = finish(context, spec, pivot, tmp_path), file.read_bytes()
    lines = text.splitlines(keepends=True)
    assert len(lines) == 1 + 40
    for kept in (5, 10, 15, 20, 35):
        file.write_bytes(b"".join(lines[: 1 + kept]))
        again = finish(context, spec, pivot, tmp_path)
        assert torch.equal(again.w, whole.w)
        assert equal_rows(again.rows, whole.rows)
    records, w = iter(small_runs.records_of(file)), pivot
    for phase in spec["phases"][1:]:
        method = replayable(phase, context)
        mine = itertools.islice(records, 10)
        w = [state.w for state in journal.replay(method.begin(w), mine, method, SEEDS)][-1]
    assert torch.equal(w, whole.w)


def test_a_diverged_run_is_resumed_to_the_same_end(
    context: Context, pivot: Tensor, tmp_path: Path
) -> None:
    spec = spec_of(fedavg(), zo(lr=1e30))
    one, two = (finish(context, spec, pivot, tmp_path / "j") for _ in range(2))
    assert torch.equal(one.w.view(torch.int32), two.w.view(torch.int32))
    assert equal_rows(one.rows, two.rows)
