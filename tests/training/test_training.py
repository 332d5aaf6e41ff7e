"""The loop over rounds: replay, participation, costs, checkpoints, selection, and how runs end.

Everything happens on ten clients of digits with the two-layer network; equality is of bits.
"""

import itertools
import json
import logging
import math
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from zowarmup.algorithms.rounds import Replayable, RoundRecord, State
from zowarmup.common.errors import UserError
from zowarmup.common.files import holder, lock, read_rows
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase_settings import PHASES
from zowarmup.data import datasets, federation
from zowarmup.data.datasets import Dataset
from zowarmup.data.federation import Federation
from zowarmup.jobs import select as job_select
from zowarmup.jobs import train as job_train
from zowarmup.jobs import warmup as job_warmup
from zowarmup.runtime import progress
from zowarmup.storage import checkpoint, journal, metrics_csv, selection_json
from zowarmup.storage.checkpoint import CheckpointError
from zowarmup.storage.journal import JournalError
from zowarmup.training import context, evaluate, loop, replay, resume_state, run, warmup
from zowarmup.training import selection as select
from zowarmup.training.catch_up import Absences
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs
from zowarmup.training.loop import Step
from zowarmup.training.run import Outcome

SEEDS = Seeds.of(3, {})
WARM, ALL = 10, 40  # rounds up to the pivot, and of the whole run
Spec = dict[str, Any]


def fedavg(rounds: int = WARM, **settings: Any) -> Spec:
    defaults = {"clients": "high", "lr": 0.1, "epochs": 1, "batch": 8}
    given = defaults | settings | {"algorithm": "fedavg", "rounds": rounds}
    return PHASES["fedavg"].model_validate(given).model_dump()


def zo(rounds: int = ALL - WARM, **settings: Any) -> Spec:
    given = {"clients": "all", "lr": 0.03} | settings | {"algorithm": "zo", "rounds": rounds}
    return PHASES["zo"].model_validate(given).model_dump()


def phase_of(algorithm: str, rounds: int = ALL - WARM, **settings: Any) -> Spec:
    """A phase of any kind on all clients, small enough for a test."""
    given = {"clients": "all", **SMALL[algorithm], **settings}
    made = PHASES[algorithm].model_validate(given | {"algorithm": algorithm, "rounds": rounds})
    return made.model_dump()


SMALL: dict[str, Spec] = {
    "fedavg": {"lr": 0.1, "epochs": 1, "batch": 8},
    "fedadam": {"lr": 0.01, "client_lr": 0.1, "epochs": 1, "batch": 8},
    "heterofl": {"lr": 0.1, "epochs": 1, "batch": 8},
    "zo": {"lr": 0.03},
    "zo_adam": {"lr": 0.001},
    "zo_local": {"lr": 0.003, "epochs": 2, "batch": 8},
    "fedkseed": {"lr": 0.003, "K": 64, "batch": 8},
}


def spec_of(*phases: Spec, **settings: Any) -> Spec:
    """A run as a plan describes it, after a warm-up unless there is but one phase."""
    engine = {
        "name": "batched",
        "device": "cpu",
        "threads": 1,
        "micro_batch": 64,
        "precision": "float32",
        "channels_last": False,
        "options": {},
    }
    return {
        "dataset": "digits",
        "federation": "default",
        "split": "30/70",
        "model": "mlp",
        "width": 1.0,
        "engine": engine,
        "pin": {},
        "evaluate_every": 5,
        "snapshot_every": 5,
        "phases": list(phases),
        "warmup": "fedavg-high" if len(phases) > 1 else None,
    } | settings


@pytest.fixture(scope="module")
def data() -> Dataset:
    return datasets.load_source("digits", images_train=300, images_test=60)


@pytest.fixture(scope="module")
def dealt(data: Dataset) -> Federation:
    return federation.build(data, clients=10, alpha=0.5, holdout=0.1, seed=3)


@pytest.fixture(scope="module")
def here(data: Dataset, dealt: Federation) -> Context:
    return context.assemble(spec_of(fedavg()), data, dealt)


@pytest.fixture(scope="module")
def pivot(here: Context) -> Tensor:
    """The model after the warm-up."""
    return last_of(steps_of(here, fedavg(), here.model.initial(SEEDS.initialisation), first=1)).w


def steps_of(here: Context, phase: Spec, w: Tensor, *, first: int = WARM + 1) -> Iterator[Step]:
    state = loop.algorithm(phase).begin(w)
    return loop.run(here, phase, state, SEEDS, first=first, costs=Costs())


def last_of(steps: Iterator[Step]) -> Step:
    *_, last = steps
    return last


THIS: Spec = {"code": "this"}  # stands for all that decides a result


def finish(
    here: Context,
    spec: Spec,
    w: Tensor,
    folder: Path,
    provenance: Spec = THIS,
    costs: Costs | None = None,
) -> Outcome:
    """The phases after the warm-up, from the model at the pivot."""
    spent = Costs() if costs is None else costs
    return run.run(here, spec, w, SEEDS, folder=folder, provenance=provenance, costs=spent)


# --- replay ---------------------------------------------------------------------------------

VARIANTS: list[Spec] = [
    {},
    {"distribution": "gaussian"},
    {"scaling": "unbiased", "shared_directions": True, "S": 2},
    {"estimator": "directional"},
    {"participation": 0.5},
    {"participation": 0.1, "clients": "low"},
]


def entries_of(file: Path) -> list[Spec]:
    """What the lines of a journal hold, without its header."""
    return [entry for entry, _ in journal.scan(file)][1:]


def records_of(file: Path) -> list[RoundRecord]:
    return list(map(RoundRecord.from_json, entries_of(file)))


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_replaying_the_journal_gives_every_model(
    here: Context, pivot: Tensor, tmp_path: Path, settings: Spec
) -> None:
    """Of the run itself only the pivot and the journal are used: it is a real file, read again."""
    phase = zo(**settings)
    expected = [step.w for step in steps_of(here, phase, pivot)]
    end = finish(here, spec_of(fedavg(), phase), pivot, tmp_path)
    records = records_of(tmp_path / "journal.jsonl")
    method = loop.algorithm(phase)
    states = list(journal.replay(method.begin(pivot), records, method, SEEDS))
    replayed = [state.w for state in states]
    assert len(replayed) == len(expected) == ALL - WARM
    assert all(torch.equal(a, b) for a, b in zip(replayed, expected, strict=True))
    assert torch.equal(replayed[-1], end.w)
    assert not torch.equal(replayed[-1], pivot)


@pytest.mark.parametrize("cut", [0, 1, 60, 130, 131, 1000, 5000])
def test_a_run_goes_on_from_any_piece_of_its_journal(
    here: Context, pivot: Tensor, tmp_path: Path, cut: int
) -> None:
    """Wherever a kill cuts the file, the end is the same: model, rows and the journal itself."""
    spec, file = spec_of(fedavg(), zo(participation=0.5)), tmp_path / "journal.jsonl"
    whole = finish(here, spec, pivot, tmp_path)
    text = file.read_bytes()
    file.write_bytes(text[:cut])
    again = finish(here, spec, pivot, tmp_path)
    assert torch.equal(again.w, whole.w)
    assert all(same(a, b) for a, b in zip(again.rows, whole.rows, strict=True))
    assert again.early_change == whole.early_change
    assert file.read_bytes() == text
    assert len(text) > 5000


def test_a_finished_journal_is_only_replayed(
    here: Context, pivot: Tensor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec, file = spec_of(fedavg(), zo()), tmp_path / "journal.jsonl"
    whole, before = finish(here, spec, pivot, tmp_path), file.read_bytes()
    with caplog.at_level(logging.INFO, "zowarmup"):
        assert torch.equal(finish(here, spec, pivot, tmp_path).w, whole.w)
    assert file.read_bytes() == before
    assert f"replaying {ALL - WARM} rounds" in caplog.text


def test_a_journal_of_something_else_is_started_over(
    here: Context, pivot: Tensor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    finish(here, spec_of(fedavg(), zo(lr=0.01)), pivot, tmp_path, {"code": "other"})
    again = finish(here, spec_of(fedavg(), zo()), pivot, tmp_path)
    assert "replaying" not in caplog.text
    assert (
        "starting over: its provenance is another: origin.code was other and is this" in caplog.text
    )
    assert torch.equal(again.w, last_of(steps_of(here, zo(), pivot)).w)
    older = {"format": "zowarmup-journal-1", "belongs_to": "0" * 64}
    (tmp_path / "journal.jsonl").write_bytes(journal.line(older))
    assert torch.equal(finish(here, spec_of(fedavg(), zo()), pivot, tmp_path).w, again.w)
    assert "starting over: it is of another version" in caplog.text


@pytest.mark.parametrize("kept", [1, 12, 25])
def test_phases_without_records_do_not_take_those_of_others(
    here: Context, pivot: Tensor, tmp_path: Path, kept: int
) -> None:
    """A run of four phases is resumed: averaging on all clients leaves no records."""
    phases = fedavg(), zo(10), fedavg(10, clients="all"), zo(20)
    spec, file = spec_of(*phases), tmp_path / "journal.jsonl"
    whole = finish(here, spec, pivot, tmp_path)
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 1 + 10 + 20
    file.write_bytes(b"".join(lines[: 1 + kept]))
    again = finish(here, spec, pivot, tmp_path)
    assert torch.equal(again.w, whole.w)
    assert all(same(a, b) for a, b in zip(again.rows, whole.rows, strict=True))
    assert file.read_bytes() == b"".join(lines)


# --- every kind of phase with records -------------------------------------------------------

RECORDED: list[tuple[str, Spec]] = [
    ("zo_adam", {}),
    ("zo_adam", {"bias_correction": False, "distribution": "gaussian"}),
    ("zo_local", {}),
    ("zo_local", {"S": 2, "distribution": "gaussian"}),
    ("fedkseed", {}),
    ("fedkseed", {"sampling": "pro", "distribution": "rademacher"}),
]


@pytest.mark.parametrize(("algorithm", "settings"), RECORDED, ids=str)
def test_any_journal_gives_every_model(
    here: Context, pivot: Tensor, tmp_path: Path, algorithm: str, settings: Spec
) -> None:
    phase = phase_of(algorithm, participation=0.5, **settings)
    expected = [step.state for step in steps_of(here, phase, pivot)]
    end = finish(here, spec_of(fedavg(), phase), pivot, tmp_path)
    records, method = records_of(tmp_path / "journal.jsonl"), replayable(phase)
    replayed = list(journal.replay(method.begin(pivot), records, method, SEEDS))
    for a, b in zip(replayed, expected, strict=True):
        assert torch.equal(a.w, b.w)
        assert all(torch.equal(a.server[name], b.server[name]) for name in b.server)
    assert torch.equal(replayed[-1].w, end.w)
    assert (end.w - pivot).norm() > 0.01
    assert len(records) == ALL - WARM


def replayable(phase: Spec) -> Replayable:
    """Its algorithm as one that can be replayed."""
    return cast(Replayable, loop.algorithm(phase))


@pytest.mark.parametrize("kept", [0, 1, 17, 18, 29])
@pytest.mark.parametrize(("algorithm", "settings"), RECORDED, ids=str)
def test_any_run_goes_on_in_the_middle_of_its_journal(
    here: Context, pivot: Tensor, tmp_path: Path, algorithm: str, settings: Spec, kept: int
) -> None:
    """The last record is cut too; rows are equal with drift and gradient_cosine in them."""
    spec = spec_of(fedavg(), phase_of(algorithm, participation=0.5, **settings))
    file = tmp_path / "journal.jsonl"
    whole, text = finish(here, spec, pivot, tmp_path), file.read_bytes()
    lines = text.splitlines(keepends=True)
    file.write_bytes(b"".join(lines[: 1 + kept]) + lines[1 + kept][:-9])
    again = finish(here, spec, pivot, tmp_path)
    assert torch.equal(again.w, whole.w)
    assert all(same(a, b) for a, b in zip(again.rows, whole.rows, strict=True))
    assert file.read_bytes() == text
    for row in whole.rows:
        assert abs(row["gradient_cosine"]) < 1
        assert (
            row["drift"] > 0 if algorithm in ("zo_local", "fedkseed") else math.isnan(row["drift"])
        )


def test_phases_of_different_kinds_share_one_journal(
    here: Context, pivot: Tensor, tmp_path: Path
) -> None:
    """Each begins anew from the model that the one before it has left."""
    file = tmp_path / "journal.jsonl"
    kinds = ("zo", "zo_adam", "zo_local", "fedkseed")
    spec = spec_of(fedavg(), *(phase_of(kind, 10) for kind in kinds))
    whole, text = finish(here, spec, pivot, tmp_path), file.read_bytes()
    lines = text.splitlines(keepends=True)
    assert len(lines) == 1 + 40
    for kept in (5, 10, 15, 20, 35):
        file.write_bytes(b"".join(lines[: 1 + kept]))
        again = finish(here, spec, pivot, tmp_path)
        assert torch.equal(again.w, whole.w)
        assert all(same(a, b) for a, b in zip(again.rows, whole.rows, strict=True))
    records, w = iter(records_of(file)), pivot
    for phase in spec["phases"][1:]:
        method = replayable(phase)
        mine = itertools.islice(records, 10)
        w = [state.w for state in journal.replay(method.begin(w), mine, method, SEEDS)][-1]
    assert torch.equal(w, whole.w)


# --- drift and the quality of steps ---------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["zo", "zo_adam", "zo_local", "fedkseed"])
@pytest.mark.parametrize("clients", ["all", "low"])
def test_the_gradient_cosine_by_backpropagation_in_one_batch(
    here: Context, pivot: Tensor, algorithm: str, clients: str
) -> None:
    """Between w - w' and the gradient of the mean loss over the images of the phase's clients."""
    phase = phase_of(algorithm, 3, clients=clients)
    parts = here.train.split(here.sizes)
    members = [parts[i] for i in here.tiers[clients]]
    x, y = torch.cat([part.x() for part in members]), torch.cat([part.y for part in members])
    before = pivot
    for step in steps_of(here, phase, pivot):
        w = before.clone().requires_grad_()
        loss = torch.nn.functional.cross_entropy(here.model.logits(w, x), y)
        g = torch.autograd.grad(loss, w)[0].double()
        taken = (before - step.w).double()
        expected = torch.nn.functional.cosine_similarity(g, taken, dim=0).item()
        found = loop.row(here, phase, 2, step)["gradient_cosine"]
        assert found == pytest.approx(expected, rel=1e-4)
        before = step.w
    assert abs(found) > 1e-4


def test_many_directions_give_the_direction_of_the_gradient(
    data: Dataset, dealt: Federation
) -> None:
    """With S shared directions the cosine is sqrt(S / (S + d - 1)) to a few percent.

    The squared length of a mean of S estimates is |g|^2 (1 + (d - 1) / S), its part along g is g.
    """
    narrow = context.assemble(spec_of(width=0.03125), data, dealt)  # one hidden unit, d = 85
    w, d = narrow.model.initial(SEEDS.initialisation), narrow.model.d
    assert d == 64 + 1 + 10 + 10
    for S, tolerance in ((50, 0.15), (500, 0.03), (5000, 0.003)):
        phase = zo(1, S=S, shared_directions=True, estimator="directional", lr=0.1)
        [step] = steps_of(narrow, phase, w)
        cosine = loop.row(narrow, phase, 2, step)["gradient_cosine"]
        assert cosine == pytest.approx(math.sqrt(S / (S + d - 1)), rel=tolerance)
    assert cosine > 0.99


def test_directions_of_their_own_lose_what_clients_gradients_differ_by(
    data: Dataset, dealt: Federation
) -> None:
    """The squared error is then B^2 (d - 1) / P |g|^2; B^2 itself by one gradient a client."""
    narrow = context.assemble(spec_of(width=0.03125), data, dealt)
    w, d = narrow.model.initial(SEEDS.initialisation), narrow.model.d
    each, total = [], sum(narrow.sizes)
    for images in narrow.train.split(narrow.sizes):
        x, y = images.x(), images.y
        leaf = w.clone().requires_grad_()
        loss = torch.nn.functional.cross_entropy(narrow.model.logits(leaf, x), y)
        each.append((len(y) / total, torch.autograd.grad(loss, leaf)[0].double()))
    g = sum(p * g_i for p, g_i in each)
    expected = sum(p * (g_i @ g_i) for p, g_i in each) / (g @ g)
    phase, rows = zo(1, S=300, estimator="directional", lr=0.1), []
    for seed in range(20):  # one draw of the error is that of some 85 squares: 15 percent off
        seeds = Seeds(0, 0, seed)
        state, costs = loop.begin(narrow, phase, w, Costs())
        [step] = loop.run(narrow, phase, state, seeds, first=1, costs=costs)
        rows.append(loop.row(narrow, phase, 2, step))
    assert rows[0]["dissimilarity"] == pytest.approx(expected.item(), rel=1e-4)
    assert expected > 1.5  # else nothing would be tested
    errors = [1 / row["gradient_cosine"] ** 2 - 1 for row in rows]
    theory = expected.item() * (d - 1) / (300 * len(narrow.sizes))
    assert sum(errors) / len(errors) == pytest.approx(theory, rel=0.1)


def test_rounds_in_which_models_travel_have_no_cosine(here: Context) -> None:
    w = here.model.initial(SEEDS.initialisation)
    for algorithm in ("fedavg", "fedadam", "heterofl"):
        phase = phase_of(algorithm, 1)
        [step] = steps_of(here, phase, w, first=1)
        row = loop.row(here, phase, 1, step)
        assert math.isnan(row["gradient_cosine"])
        assert math.isnan(row["drift"])


# --- the journal as a file ------------------------------------------------------------------

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
    assert entries_of(tmp_path / "j") == [RECORD, RECORD | {"round": 12}]


def test_a_record_is_with_the_system_before_the_next_round(tmp_path: Path) -> None:
    """Killing the process loses nothing: what was appended can be read while it is still open."""
    with journal.Journal(tmp_path / "j", THIS) as opened:
        for n in range(3):
            opened.append(RECORD)
            assert len(entries_of(tmp_path / "j")) == n + 1


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
    assert entries_of(tmp_path / "j") == [RECORD]
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
        entries_of(tmp_path / "j")
    left = max(0, line - 2)
    with journal.Journal(tmp_path / "j", THIS) as opened:
        assert opened.count == left
    assert f"{expected}; resuming from before it" in caplog.messages
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


# --- the warm-up ----------------------------------------------------------------------------


def warm_up(
    here: Context, folder: Path, rounds: int = ALL, algorithm: str = "fedavg", **settings: Any
) -> list[Spec]:
    phase = without(phase_of(algorithm, rounds, **{"clients": "high"} | settings), {"rounds"})
    spec = spec_of() | {"phase": phase, "rounds": rounds}
    return warmup.run(
        here, spec, SEEDS, folder=folder, snapshots=folder / "snapshots", provenance=THIS
    )


def at(here: Context, folder: Path, t: int) -> Tensor:
    return checkpoint.weights(checkpoint.snapshot(folder / "snapshots", t), here.model)


@pytest.mark.parametrize("participation", [1.0, 0.5, 0.1])
def test_the_trajectory_s_end_is_averaging_with_its_pivot_anywhere(
    here: Context, tmp_path: Path, participation: float
) -> None:
    """High Res Only needs no run of its own: from any snapshot FedAvg goes on as it does there."""
    made = warm_up(here, tmp_path, participation=participation)
    assert torch.equal(at(here, tmp_path, 0), here.model.initial(SEEDS.initialisation))
    for start in (5, 35):
        phases = [fedavg(t, participation=participation) for t in (start, ALL - start)]
        end = finish(here, spec_of(*phases), at(here, tmp_path, start), tmp_path / f"{start}")
        assert torch.equal(end.w, at(here, tmp_path, ALL))
        costs = {*vars(Costs()), "phase"}
        for mine, theirs in zip(reversed(end.rows), reversed(made), strict=False):
            assert same(without(mine, costs), without(theirs, costs))


def without(row: Spec, names: set[str]) -> Spec:
    return {name: value for name, value in row.items() if name not in names}


def same(a: Spec, b: Spec) -> bool:
    """Equal, a missing number being equal to itself."""
    return a.keys() == b.keys() and all(a[k] == b[k] or (a[k] != a[k] and b[k] != b[k]) for k in a)


def test_rows_and_snapshots_lie_on_their_strides(here: Context, tmp_path: Path) -> None:
    made = warm_up(here, tmp_path, rounds=12)
    assert [row["round"] for row in made] == [0, 5, 10, 12]
    names = sorted(path.name for path in (tmp_path / "snapshots").iterdir())
    assert names == [f"round-{t:06d}.safetensors" for t in (0, 5, 10, 12)]


class Killed(BaseException):
    """Stands for a kill."""


@contextmanager
def killed_after(t: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within, a warm-up is killed when it has saved its state after round t."""
    save = resume_state.ResumeState.save

    def save_and_die(self: resume_state.ResumeState) -> None:
        at = self.latest[0].t if self.latest else None
        save(self)
        if at == t:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(resume_state.ResumeState, "save", save_and_die)
        yield


@pytest.mark.parametrize("t", [0, 5, 25, ALL])
def test_a_warmup_goes_on_from_its_last_snapshot(
    here: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, t: int
) -> None:
    whole = warm_up(here, tmp_path / "whole", participation=0.5)
    with killed_after(t, monkeypatch), pytest.raises(Killed):
        warm_up(here, tmp_path / "cut", participation=0.5)
    assert not (tmp_path / "cut" / "snapshots").exists()
    again = warm_up(here, tmp_path / "cut", participation=0.5)
    assert all(same(a, b) for a, b in zip(again, whole, strict=True))
    for file in (tmp_path / "whole" / "snapshots").iterdir():
        assert (tmp_path / "cut" / "snapshots" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("t", [5, 25])
@pytest.mark.parametrize(
    ("algorithm", "kept"), [("fedadam", {"m", "v", "steps"}), ("heterofl", set())]
)
def test_a_snapshot_holds_what_the_server_has_beside_the_model(
    here: Context,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    algorithm: str,
    kept: set,
    t: int,
) -> None:
    """Adam's moments too: without them the rounds after a kill would be other ones."""
    own: Spec = {"algorithm": algorithm, "clients": "all", "participation": 0.5}
    whole = warm_up(here, tmp_path / "whole", **own)
    with killed_after(t, monkeypatch), pytest.raises(Killed):
        warm_up(here, tmp_path / "cut", **own)
    file = checkpoint.load(checkpoint.snapshot(tmp_path / "cut" / "state", t))
    assert set(file.server) == kept
    assert file.server.get("steps", torch.tensor(t)).item() == t
    again = warm_up(here, tmp_path / "cut", **own)
    assert all(same(a, b) for a, b in zip(again, whole, strict=True))
    for file in (tmp_path / "whole" / "snapshots").iterdir():
        assert (tmp_path / "cut" / "snapshots" / file.name).read_bytes() == file.read_bytes()
    assert whole[-1]["train_loss"] < whole[0]["train_loss"]


def test_saved_work_of_something_else_is_thrown_away(
    here: Context, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").mkdir()
    facts = {
        "format": resume_state.FORMAT,
        "origin": {"code": "other"},
        "t": 5,
        "rows": [],
        "tally": {},
    }
    (tmp_path / "state" / "state.json").write_text(json.dumps(facts))
    (tmp_path / "state" / "round-000007.safetensors").write_text("old")
    assert warm_up(here, tmp_path, rounds=10)[0]["round"] == 0
    assert (
        "starting over: what is saved was made otherwise: code was other and is this" in caplog.text
    )
    assert not (tmp_path / "snapshots" / "round-000007.safetensors").exists()
    assert not (tmp_path / "snapshots" / "state.json").exists()


# --- participation --------------------------------------------------------------------------


@pytest.mark.parametrize("clients", ["all", "low"])
@pytest.mark.parametrize("participation", [1.0, 0.5, 0.1])
def test_replicas_that_catch_up_by_records_hold_the_server_s_bits(
    here: Context, pivot: Tensor, participation: float, clients: str
) -> None:
    """Every client keeps its own model and replays what it missed before it takes part again."""
    phase = zo(participation=participation, clients=clients)
    method, tier = loop.algorithm(phase), here.tiers[clients]
    w, records, missed = pivot, [], 0
    replicas, seen = dict.fromkeys(tier, pivot), dict.fromkeys(tier, 0)

    def catch_up(client: int) -> int:
        late = records[seen[client] :]
        replayed = journal.replay(State(replicas[client]), late, method, SEEDS)
        replicas[client] = [replicas[client], *(state.w for state in replayed)][-1]
        seen[client] = len(records)
        return len(late)

    for step in steps_of(here, phase, pivot):
        for client in loop.cohort(here, phase, step.t, SEEDS).clients:
            missed += catch_up(client)
            assert torch.equal(replicas[client], w)
        w = step.w
        records.append(step.record)
    for client in tier:
        missed += catch_up(client)
        assert torch.equal(replicas[client], w)
    assert missed == len(tier) * (ALL - WARM)
    assert max(len(record.clients) for record in records) == round(participation * len(tier))


@pytest.mark.parametrize("phase", [fedavg, zo])
@pytest.mark.parametrize("clients", ["all", "high", "low"])
@pytest.mark.parametrize("participation", [1.0, 0.5, 0.1])
def test_cohorts_are_a_function_of_seed_and_round(
    here: Context, phase: Any, clients: str, participation: float
) -> None:
    settings = phase(participation=participation, clients=clients)
    tier = here.tiers[clients]
    cohorts = [loop.cohort(here, settings, t, SEEDS).clients for t in range(60)]
    assert {len(cohort) for cohort in cohorts} == {max(1, round(participation * len(tier)))}
    assert all(sorted(set(cohort)) == list(cohort) for cohort in cohorts)
    assert {client for cohort in cohorts for client in cohort} == set(tier)
    backwards = [loop.cohort(here, settings, t, SEEDS).clients for t in reversed(range(60))]
    assert backwards[::-1] == cohorts
    pinned = Seeds.of(99, {"federation": SEEDS.federation})
    assert [loop.cohort(here, settings, t, pinned).clients for t in range(60)] == cohorts


@pytest.mark.parametrize("phase", [fedavg(participation=0.5, clients="all"), zo(participation=0.1)])
def test_absent_clients_compute_nothing(
    here: Context, pivot: Tensor, phase: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    for name in ("local_sgd", "two_point"):
        method = getattr(here.engine, name)

        def noting(w: Tensor, clients: Any, *rest: Any, method: Any = method, **more: Any) -> Any:
            asked.append(tuple(clients))
            return method(w, clients, *rest, **more)

        monkeypatch.setattr(here.engine, name, noting)
    steps = list(steps_of(here, phase, pivot))
    assert asked == [loop.cohort(here, phase, step.t, SEEDS).clients for step in steps]


# --- costs ----------------------------------------------------------------------------------


def test_bytes_of_catching_up_by_hand() -> None:
    """Records of 24, 12 and 36 bytes; who missed which is written beside each line."""
    absences = Absences([0, 1, 2], model_bytes=4000, limit=1000)
    assert absences.round([0, 1], 24) == {0: 0, 1: 0}  # nobody has missed anything
    assert absences.round([2], 12) == {2: 24}  # 2 missed the first
    assert absences.round([0, 2], 36) == {0: 12, 2: 0}  # 0 missed the second
    assert absences.finish() == {0: 0, 1: 12 + 36, 2: 0}  # 1 missed the second and the third
    assert absences.finish() == {0: 0, 1: 0, 2: 0}  # and now nobody


def test_who_missed_more_than_the_limit_is_sent_the_model() -> None:
    """The limit counts directions, of 4 bytes each: 5 are replayed, 6 are not."""
    absences = Absences([0, 1], model_bytes=400, limit=5)
    assert absences.round([0], 20) == {0: 0}
    assert absences.round([0, 1], 4) == {0: 0, 1: 20}
    assert absences.round([0], 24) == {0: 0}
    assert absences.finish() == {0: 0, 1: 400}


def test_costs_of_a_phase_of_records(here: Context, pivot: Tensor) -> None:
    """By counting for each client alone what it sends and receives, in bytes.

    A client of the cohort sends 4 S; it receives the records of its round and of all that it missed
    since it last took part; at the end everybody receives the rest.
    """
    phase = zo(participation=0.5, S=2)
    up, down, forward = Counter[int](), Counter[int](), 0
    last = dict.fromkeys(here.tiers["all"], WARM)
    sizes = {}
    for t in range(WARM + 1, ALL + 1):
        members = loop.cohort(here, phase, t, SEEDS)
        sizes[t] = 4 * 2 * len(members.clients)
        for client in members.clients:
            up[client] += 4 * 2
            down[client] += sum(sizes[past] for past in range(last[client] + 1, t + 1))
            last[client] = t
        forward += 2 * 2 * sum(here.sizes[client] for client in members.clients)
    for client, past in last.items():
        down[client] += sum(sizes[t] for t in range(past + 1, ALL + 1))
    assert last_of(steps_of(here, phase, pivot)).costs == tally_of(here, up, down, forward, 0)


def tally_of(
    here: Context, up: Counter[int], down: Counter[int], forward: int, backward: int
) -> Costs:
    """What clients sent and received as totals, and as the part of the low-resource ones."""
    low = [sum(of[i] for i in here.tiers["low"]) for of in (up, down)]
    return Costs(up.total(), down.total(), *low, forward, backward)


def test_costs_of_a_phase_of_models(here: Context) -> None:
    """Whoever takes part downloads and uploads one model; passes are images times epochs."""
    phase = fedavg(WARM, clients="all", participation=0.5, epochs=3)
    cohorts = [loop.cohort(here, phase, t, SEEDS) for t in range(1, WARM + 1)]
    sent = Counter(i for cohort in cohorts for i in cohort.clients)
    sent = Counter({i: n * 4 * here.model.d for i, n in sent.items()})
    assert sent.total() == 4 * here.model.d * 5 * WARM
    passes = 3 * sum(sum(cohort.sizes) for cohort in cohorts)
    w = here.model.initial(SEEDS.initialisation)
    expected = tally_of(here, sent, sent, passes, passes)
    assert last_of(steps_of(here, phase, w, first=1)).costs == expected


def test_the_broadcast_at_the_pivot_is_counted_once(
    here: Context, pivot: Tensor, tmp_path: Path
) -> None:
    """Ten clients, seven of them low, download 4 d bytes before the first of their 30 scalars."""
    spent = Costs(100, 200, 30, 40, 300, 400)
    spec = spec_of(fedavg(), zo())
    end = finish(here, spec, pivot, tmp_path, costs=spent)
    first, records = end.rows[0], 5 * 4 * 3 * 10
    assert first["bytes_up"] == 100 + records
    assert first["bytes_down"] == 200 + 10 * 4 * here.model.d + 10 * records
    assert first["bytes_up_low"] == 30 + records * 7 // 10
    assert first["bytes_down_low"] == 40 + 7 * 4 * here.model.d + 7 * records
    assert first["forward_passes"] == 300 + 5 * 2 * 3 * sum(here.sizes)
    assert first["backward_passes"] == 400


@pytest.mark.parametrize("participation", [1.0, 0.5])
@pytest.mark.parametrize("algorithm", ["fedadam", "heterofl"])
def test_costs_of_other_phases_of_models(
    here: Context, algorithm: str, participation: float
) -> None:
    """4 d bytes each way; a low-resource client of HeteroFL 4 d' of the network half as wide."""
    phase = phase_of(algorithm, WARM, participation=participation, epochs=2)
    d = 64 * 32 + 32 + 32 * 10 + 10
    d_low = 64 * 16 + 16 + 16 * 10 + 10 if algorithm == "heterofl" else d
    sent, passes = Counter[int](), 0
    for t in range(1, WARM + 1):
        for client in loop.cohort(here, phase, t, SEEDS).clients:
            sent[client] += 4 * (d_low if client in here.tiers["low"] else d)
            passes += 2 * here.sizes[client]
    w = here.model.initial(SEEDS.initialisation)
    expected = tally_of(here, sent, sent, passes, passes)
    assert last_of(steps_of(here, phase, w, first=1)).costs == expected


def up_of(phase: Spec, n: int) -> int:
    """Bytes that a client of n images sends in a round."""
    steps = phase.get("epochs", 1) * math.ceil(n / phase.get("batch", n))
    return {
        "zo": lambda: 4 * phase["S"],
        "zo_adam": lambda: 4 * phase["S"],
        "zo_local": lambda: 4 * phase["S"] * steps,
        "fedkseed": lambda: min(
            6 * steps, 4 * phase["K"] if phase["sampling"] == "uniform" else math.inf
        ),
    }[phase["algorithm"]]()


@pytest.mark.parametrize("participation", [1.0, 0.5])
@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [
        ("zo", {}), ("zo_adam", {"S": 2}), ("zo_local", {"S": 2}), ("fedkseed", {}),
        ("fedkseed", {"K": 5}), ("fedkseed", {"K": 5, "sampling": "pro"}),
    ],
)  # fmt: skip
def test_costs_of_every_phase_of_records(
    here: Context,
    pivot: Tensor,
    tmp_path: Path,
    algorithm: str,
    settings: Spec,
    participation: float,
) -> None:
    """Acceptance 8: a client alone, from the broadcast of 4 d bytes on, to the byte.

    It sends its scalars and receives those of everybody in its round and in all that it missed, in
    the end those of the last rounds; of FedKSeed only the K accumulators, whatever it missed, and
    as many probabilities with "pro".
    """
    phase = phase_of(algorithm, participation=participation, **settings)
    spent = Costs(100, 200, 30, 40, 300, 400)
    up, down, passes = Counter[int](), Counter(dict.fromkeys(range(10), 4 * 2410)), 0
    unread = dict.fromkeys(range(10), 0)
    for t in range(WARM + 1, ALL + 1):
        clients = loop.cohort(here, phase, t, SEEDS).clients
        total = sum(up_of(phase, here.sizes[i]) for i in clients)
        unread = {i: size + total for i, size in unread.items()}
        for i in clients:
            up[i] += up_of(phase, here.sizes[i])
            accumulators = 4 * phase.get("K", 0) * (2 if phase.get("sampling") == "pro" else 1)
            down[i] += accumulators or unread[i]
            unread[i] = 0
            passes += 2 * phase.get("S", 1) * phase.get("epochs", 1) * here.sizes[i]
    if algorithm != "fedkseed":
        down.update(unread)
    end = finish(here, spec_of(fedavg(), phase), pivot, tmp_path, costs=spent)
    expected = tally_of(here, up, down, passes, 0)
    for name, value in vars(expected).items():
        assert end.rows[-1][name] - vars(spent)[name] == value, name


@pytest.mark.parametrize(("algorithm", "vectors"), [("zo", 1), ("zo_local", 1), ("zo_adam", 3)])
def test_who_is_sent_the_model_needs_the_server_s_moments_too(
    here: Context, pivot: Tensor, algorithm: str, vectors: int
) -> None:
    """One client a round, one direction to catch up with at most: all others get w, or w, m, v."""
    phase = phase_of(algorithm, 6, participation=0.1, S=2, catch_up_limit=1)
    last, late, records = dict.fromkeys(range(10), 0), 0, 0
    for t in range(1, 7):
        [client] = loop.cohort(here, phase, WARM + t, SEEDS).clients
        late += t - 1 > last[client]
        last[client] = t
        records += up_of(phase, here.sizes[client])
    late += sum(t < 6 for t in last.values())
    costs = last_of(steps_of(here, phase, pivot)).costs
    assert costs.bytes_down == records + late * vectors * 4 * here.model.d


# --- checkpoints ----------------------------------------------------------------------------

ABOUT = {"model": "mlp", "width": 1.0, "shape": (1, 8, 8), "classes": 10, "round": 7}


def test_equal_states_are_equal_bytes(here: Context, pivot: Tensor, tmp_path: Path) -> None:
    """Whatever memory the vector lies in, and whenever it is written."""
    strided = torch.stack([pivot, pivot], dim=1)[:, 0]
    for name, w in (("a", pivot), ("b", strided), ("c", pivot.clone().requires_grad_())):
        checkpoint.save(tmp_path / name, here.model, State(w), dict(ABOUT))
    contents = {(tmp_path / name).read_bytes() for name in "abc"}
    assert len(contents) == 1


def test_a_checkpoint_comes_back_bit_for_bit(here: Context, tmp_path: Path) -> None:
    w = here.model.initial(0)
    w[:3] = torch.tensor([math.nan, -0.0, math.inf])
    checkpoint.save(tmp_path / "w", here.model, State(w), ABOUT)
    back = checkpoint.weights(tmp_path / "w", here.model)
    assert torch.equal(back.view(torch.int32), w.view(torch.int32))


def test_what_the_server_keeps_comes_back_beside_the_model(
    here: Context, pivot: Tensor, tmp_path: Path
) -> None:
    """And changes nothing for who wants the model alone."""
    kept = {"m": torch.randn(2410, generator=torch.Generator()), "steps": torch.tensor(7)}
    checkpoint.save(tmp_path / "w", here.model, State(pivot, kept), ABOUT)
    back = checkpoint.load(tmp_path / "w")
    assert torch.equal(back.server["m"], kept["m"])
    assert back.server["steps"].dtype == torch.int64
    assert back.server["steps"].item() == 7
    assert set(back.server) == set(kept)
    assert list(back.named) == here.model.names
    assert torch.equal(checkpoint.weights(tmp_path / "w", here.model), pivot)


def test_there_is_one_metadata_key_without_time_or_place(
    here: Context, pivot: Tensor, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path / "w", here.model, State(pivot), ABOUT)
    content = (tmp_path / "w").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert list(header["__metadata__"]) == ["zowarmup"]
    text = header["__metadata__"]["zowarmup"]
    facts = json.loads(text)
    assert text == json.dumps(facts, sort_keys=True, separators=(",", ":"))
    assert set(facts) == {"format", "names", *ABOUT}
    assert {name: tuple(header[name]["shape"]) for name in facts["names"]} == dict(
        zip(here.model.names, here.model.shapes, strict=True)
    )


@pytest.mark.parametrize("length", [0, 7, 8, 100, 1000, 9000, -1])
def test_a_truncated_checkpoint_is_one_clear_error(
    here: Context, pivot: Tensor, tmp_path: Path, length: int
) -> None:
    file = tmp_path / "w"
    checkpoint.save(file, here.model, State(pivot), ABOUT)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(CheckpointError) as caught:
        checkpoint.weights(file, here.model)
    assert str(caught.value).startswith(f"{file}: cannot be read (")
    assert str(caught.value).endswith("delete it and let it be made again")
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_model_is_a_clear_error(
    here: Context, pivot: Tensor, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path / "w", here.model, State(pivot), ABOUT)
    for name, shape in (("cnn", (1, 8, 8)), ("mlp", (3, 8, 8))):
        other = context.model(name, shape, 10)
        with pytest.raises(CheckpointError, match=r"w: .* it belongs to another model$"):
            checkpoint.weights(tmp_path / "w", other)


def test_a_lost_or_foreign_checkpoint_is_a_clear_error(here: Context, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    with pytest.raises(CheckpointError, match="no such checkpoint; make it with the workflow"):
        checkpoint.load(tmp_path / "w")
    save_file({"a": torch.zeros(2)}, tmp_path / "w")
    with pytest.raises(CheckpointError, match="not a checkpoint of this project"):
        checkpoint.load(tmp_path / "w")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load(tmp_path / "folder")


# --- divergence -----------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ["two_point", "directional"])
def test_a_diverging_run_ends_with_a_row_that_says_so(
    here: Context, pivot: Tensor, tmp_path: Path, estimator: str
) -> None:
    spec = spec_of(fedavg(), zo(lr=1e30, estimator=estimator))
    end = finish(here, spec, pivot, tmp_path / "j")
    assert [row["diverged"] for row in end.rows] == [False] * (len(end.rows) - 1) + [True]
    assert end.t == end.rows[-1]["round"] < ALL
    metrics_csv.write(tmp_path / "metrics.csv", end.rows)
    assert read_rows(tmp_path / "metrics.csv")[-1]["diverged"] == "True"


@pytest.mark.parametrize("lr", [1e30, 1e38])
@pytest.mark.parametrize("algorithm", ["zo_adam", "zo_local", "fedkseed"])
def test_a_diverging_run_of_any_kind_ends_with_a_row_that_says_so(
    here: Context, pivot: Tensor, tmp_path: Path, algorithm: str, lr: float
) -> None:
    """Also where weights overflow; what JSON lacks is not in its journal."""
    spec = spec_of(fedavg(), phase_of(algorithm, lr=lr))
    one, two = (finish(here, spec, pivot, tmp_path / "j") for _ in range(2))
    assert one.rows[-1]["diverged"]
    assert one.t < ALL
    assert torch.equal(one.w.view(torch.int32), two.w.view(torch.int32))
    assert all(same(a, b) for a, b in zip(one.rows, two.rows, strict=True))


def test_a_diverged_run_is_resumed_to_the_same_end(
    here: Context, pivot: Tensor, tmp_path: Path
) -> None:
    spec = spec_of(fedavg(), zo(lr=1e30))
    one, two = (finish(here, spec, pivot, tmp_path / "j") for _ in range(2))
    assert torch.equal(one.w.view(torch.int32), two.w.view(torch.int32))
    assert all(same(a, b) for a, b in zip(one.rows, two.rows, strict=True))


def test_a_diverging_warmup_stands_for_all_that_starts_from_it(
    here: Context, tmp_path: Path
) -> None:
    made = warm_up(here, tmp_path, lr=1e30)
    assert made[-1]["diverged"] is True
    assert made[-1]["round"] < ALL
    assert not any(row["diverged"] for row in made[:-1])
    late = at(here, tmp_path, 20)
    assert torch.equal(late.view(torch.int32), at(here, tmp_path, ALL).view(torch.int32))
    end = finish(here, spec_of(fedavg(20), zo(20)), late, tmp_path / "j")
    assert [(row["round"], row["diverged"]) for row in end.rows] == [(25, True)]


@pytest.mark.parametrize("lr", [300.0, 1e30])
def test_a_diverged_warmup_killed_at_its_end_ends_alike(
    here: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lr: float
) -> None:
    """A kill while the diverged model is being copied to the later snapshots."""
    whole = warm_up(here, tmp_path / "whole", lr=lr)
    with killed_after(25, monkeypatch), pytest.raises(Killed):
        warm_up(here, tmp_path / "cut", lr=lr)
    again = warm_up(here, tmp_path / "cut", lr=lr)
    assert whole[-1]["diverged"]
    assert [row["round"] for row in again] == [row["round"] for row in whole]
    for file in (tmp_path / "whole" / "snapshots").iterdir():
        assert (tmp_path / "cut" / "snapshots" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("loss", "expected"),
    [(2.3, False), (23.0, False), (23.1, True), (math.nan, True), (math.inf, True)],
)
def test_diverged_means_ten_times_the_loss_of_guessing(
    here: Context, loss: float, expected: bool
) -> None:
    """10 log 10 = 23.03; it is the loss of those who train that counts."""
    losses = {"train_loss": 0.0, "train_loss_high": 0.0, "train_loss_low": 0.0}
    for clients, name in (("all", "train_loss"), ("low", "train_loss_low")):
        assert loop.diverged(here, zo(clients=clients), losses | {name: loss}) is expected
    assert not loop.diverged(here, zo(clients="high"), losses | {"train_loss": loss})


# --- progress -------------------------------------------------------------------------------


def test_progress_says_round_speed_and_time_to_go(
    here: Context,
    pivot: Tensor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with caplog.at_level(logging.INFO, "zowarmup"):
        warm_up(here, tmp_path, rounds=WARM)
        finish(here, spec_of(fedavg(), zo()), pivot, tmp_path / "j")
        chosen(here, trial(zo()), pivot, tmp_path, seed=0)
    pattern = r"round {}/{}.*  \d+\.\d rounds/s  left \d\d:\d\d"
    for what, rounds in (("warm-up", (4, WARM)), ("run", (17, ALL)), ("lr 0.1", (12, 22))):
        line = rf"{what}: {pattern.format(*rounds)}"
        assert any(re.match(line, message) for message in caplog.messages), line
    measured = r"run: round 17/40  loss \d\.\d{4}  accuracy 0\.\d{4}  "
    assert any(re.match(measured, message) for message in caplog.messages)


# --- selection ------------------------------------------------------------------------------


def trial(phase: Spec, grid: Sequence[float] = (0.1,), rounds: int = 12) -> Spec:
    own = {key: value for key, value in phase.items() if key not in ("lr", "rounds")}
    spec = {"phase": own, "start": WARM, "rounds": rounds, "grid": list(grid), "seeds": [3]}
    return without(spec_of(), {"phases"}) | spec


def chosen(here: Context, spec: Spec, w: Tensor, folder: Path, seed: int = 3) -> list[Spec]:
    """All trials of a seed, with their work in a folder."""
    return select.trials(here, spec, w, SEEDS, seed, folder=folder / "state", provenance=THIS)


def test_a_trial_is_training_judged_on_held_out_images(
    here: Context, pivot: Tensor, tmp_path: Path
) -> None:
    [row] = chosen(here, trial(zo()), pivot, tmp_path)
    w = last_of(itertools.islice(steps_of(here, zo(lr=0.1), pivot), 12)).w
    assert row == {"lr": 0.1, "seed": 3, "heldout_loss": evaluate.heldout_loss(here, w)}


def test_the_step_that_learns_is_chosen(here: Context, pivot: Tensor, tmp_path: Path) -> None:
    """From among one that goes nowhere and one that explodes."""
    made = chosen(here, trial(zo(), [1e-9, 0.1, 1e30], rounds=20), pivot, tmp_path)
    choice = select.choose(made)
    assert made[2]["heldout_loss"] is None
    assert (choice["lr"], choice["at_edge"]) == (0.1, False)
    assert choice["mean_losses"][0.1] < choice["mean_losses"][1e-9]


def grid_of(*losses: Sequence[float | None]) -> list[Spec]:
    """Candidates 0.1, 0.2, ... with the held-out losses of seeds 0, 1, ... each."""
    return [
        {"lr": (i + 1) / 10, "seed": seed, "heldout_loss": loss}
        for i, row in enumerate(losses)
        for seed, loss in enumerate(row)
    ]


@pytest.mark.parametrize(
    ("losses", "lr", "at_edge"),
    [
        ([[3], [1], [2]], 0.2, False),
        ([[1], [2], [3]], 0.1, True),
        ([[3], [2], [1]], 0.3, True),
        ([[2], [1], [1]], 0.2, False),  # the smaller one in a tie
        ([[1, 5], [2.9, 3], [4, 4]], 0.2, False),  # the mean over seeds
        ([[5, 5], [0, None], [4, 4]], 0.3, True),  # one diverged trial rules a candidate out
        ([[2], [1], [None]], 0.2, False),  # a wider grid would hold nothing but divergence
        ([[7]], 0.1, True),
    ],
)
def test_the_rule_of_choice(losses: Any, lr: float, at_edge: bool) -> None:
    choice = select.choose(grid_of(*losses))
    assert (choice["lr"], choice["at_edge"]) == (lr, at_edge)


def test_nothing_to_choose_from_is_a_clear_error() -> None:
    expected = r"^selection.grid: every learning rate of \[0.1, 0.2\] diverged; add smaller ones$"
    with pytest.raises(UserError, match=expected):
        select.choose(grid_of([None, 1.0], [1.0, None]))


def test_rates_are_read_phase_after_phase_in_their_order(tmp_path: Path) -> None:
    """lr before client_lr within a phase; numbers stay as they are and take no file."""
    for name, lr in (("a", 0.1), ("b", 0.2), ("c", 0.3)):
        (tmp_path / name).write_text(json.dumps({"lr": lr}))
    chosen = {"selection": "any"}
    phases = [{"client_lr": chosen, "lr": chosen}, {"lr": 0.5, "client_lr": 0.6}, {"lr": chosen}]
    assert selection_json.with_rates(phases, [tmp_path / name for name in "abc"]) == [
        {"lr": 0.1, "client_lr": 0.2},
        {"lr": 0.5, "client_lr": 0.6},
        {"lr": 0.3},
    ]


def test_a_trial_of_fedadam_varies_the_server_s_rate_alone(here: Context, tmp_path: Path) -> None:
    w = here.model.initial(SEEDS.initialisation)
    phase = phase_of("fedadam", 12, clients="high")
    [row] = chosen(here, trial(phase) | {"start": 0}, w, tmp_path)
    expected = last_of(steps_of(here, phase | {"lr": 0.1}, w, first=1)).w
    assert row["heldout_loss"] == evaluate.heldout_loss(here, expected)


# --- jobs: files in, files out --------------------------------------------------------------


@pytest.fixture
def inputs(data: Dataset, dealt: Federation, tmp_path: Path) -> dict[str, Path]:
    datasets.save(data, tmp_path / "dataset.npz")
    federation.save(dealt, tmp_path / "federation.json")
    return {"data": tmp_path / "dataset.npz", "federation": tmp_path / "federation.json"}


def selected(inputs: dict[str, Path], tmp_path: Path, grid: Sequence[float]) -> Path:
    spec = spec_of() | trial(fedavg(), grid) | {"start": 0, "warmup": None}
    job_select.select_rate(
        spec,
        "code",
        data=inputs["data"],
        federations=[inputs["federation"]],
        warmups=[],
        selections=[],
        selection=tmp_path / "selection.json",
    )
    return tmp_path / "selection.json"


def test_a_whole_run_through_its_files(inputs: dict[str, Path], tmp_path: Path) -> None:
    """Selection, warm-up and run, as the scripts call them; the records say what was done."""
    selection = selected(inputs, tmp_path, [1e-9, 0.1, 1e30])
    chosen = {"selection": "fedavg-high"}
    phase = without(fedavg(), {"rounds"}) | {"lr": chosen}
    warm = {
        name: tmp_path / "warm" / file
        for name, file in (
            ("snapshots", "snapshots"), ("metrics", "metrics.csv"), ("run_record", "run.json")
        )
    }  # fmt: skip
    spec = without(spec_of(), {"phases", "warmup"}) | {"phase": phase, "rounds": ALL}
    job_warmup.warm_up(spec, 3, "code", **inputs, selections=[selection], **warm)
    done = {
        name: tmp_path / "run" / file
        for name, file in (
            ("metrics", "metrics.csv"), ("run_record", "run.json"), ("final", "final.safetensors")
        )
    }  # fmt: skip
    job_train.train_run(
        spec_of(fedavg() | {"lr": chosen}, zo()),
        3,
        "code",
        **inputs,
        selections=[selection],
        warmup=warm["snapshots"],
        warmup_metrics=warm["metrics"],
        **done,
    )
    for record in (json.loads(made["run_record"].read_text()) for made in (warm, done)):
        assert {"python", "torch", "numpy", "safetensors", "zowarmup"} == set(record["versions"])
        assert record["versions"]["torch"] == str(torch.__version__)  # with its build
        assert {"processor", "cpus", "accelerator"} <= set(record["hardware"])
        assert record["seeds"] == {"federation": 3, "initialisation": 3, "directions": 3}
        assert (record["seed"], record["code"], record["d"]) == (3, "code", 2410)
        assert {"commit", "finished"} <= set(record)
        rates = [p["lr"] for p in record["spec"].get("phases", [record["spec"].get("phase")])]
        assert rates == [0.1, 0.03][: len(rates)]
    saved = checkpoint.load(done["final"])
    assert saved.about == ABOUT | {"shape": [1, 8, 8], "round": ALL}
    first = read_rows(done["metrics"])[0]
    pivot_row = next(row for row in read_rows(warm["metrics"]) if row["round"] == str(WARM))
    assert int(first["backward_passes"]) == int(pivot_row["backward_passes"])
    assert int(first["bytes_up"]) > int(pivot_row["bytes_up"])


def test_a_choice_at_the_edge_is_warned_of(
    inputs: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "zowarmup"):
        selected(inputs, tmp_path, [1e-9, 0.1])
    assert "lr 0.1 is the edge of the grid [1e-09, 0.1]; widen it" in caplog.messages


def test_a_selection_keeps_its_whole_grid(inputs: dict[str, Path], tmp_path: Path) -> None:
    made = json.loads(selected(inputs, tmp_path, [1e-9, 0.1, 1e30]).read_text())
    assert [row["lr"] for row in made["grid"]] == [1e-9, 0.1, 1e30]
    assert made["grid"][2]["heldout_loss"] is None
    assert (made["lr"], made["at_edge"], made["code"]) == (0.1, False, "code")
    assert made["spec"]["rounds"] == 12


def test_a_grid_of_nothing_but_divergence_fails_clearly(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"every learning rate of .* diverged; add smaller ones"):
        selected(inputs, tmp_path, [1e25, 1e30])
    assert not (tmp_path / "selection.json").exists()


def test_a_run_without_a_warmup_starts_from_the_initialisation(
    here: Context, tmp_path: Path
) -> None:
    w = here.model.initial(SEEDS.initialisation)
    end = finish(here, spec_of(zo(20)), w, tmp_path / "j")
    assert torch.equal(end.w, last_of(steps_of(here, zo(20), w, first=1)).w)
    assert end.t == 20


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    """An orphan of a killed workflow may still be training when its rerun starts."""
    code = (
        "import logging; from zowarmup.common.files import lock; logging.basicConfig()\n"
        f"lock({str(tmp_path / 'lock')!r}); print('mine')"
    )
    with lock(tmp_path / "lock"):
        assert f"pid {os.getpid()} on" in (holder(tmp_path / "lock") or "")
        with pytest.raises(UserError, match=f"another process works here: pid {os.getpid()} on"):
            lock(tmp_path / "lock", wait=False)
        other = subprocess.Popen([sys.executable, "-c", code], stdout=PIPE, stderr=PIPE, text=True)
        assert other.stderr
        said = other.stderr.readline()
        assert f"waiting for another process that works here: pid {os.getpid()} on" in said
        assert other.poll() is None
    assert other.communicate()[0] == "mine\n"
    assert holder(tmp_path / "lock") is None


def test_a_row_measures_every_tier_on_its_own_data(here: Context, pivot: Tensor) -> None:
    """All is the mean of the tiers weighted by their images, for losses and for accuracies."""
    row = evaluate.evaluate(here, pivot)
    images = {tier: sum(here.sizes[i] for i in here.tiers[tier]) for tier in here.tiers}
    for name in ("loss", "accuracy"):
        tiers = sum(images[tier] * row[f"train_{name}_{tier}"] for tier in ("high", "low"))
        assert row[f"train_{name}"] == pytest.approx(tiers / images["all"], rel=1e-12)
    x, y = here.train.x(), here.train.y
    right = (here.model.logits(pivot, x).argmax(1) == y).double().mean().item()
    assert row["train_accuracy"] == pytest.approx(right)


def test_the_facts_of_a_run(data: Dataset, dealt: Federation, here: Context) -> None:
    """mlp on digits: 64-32-10, half as wide 64-16-10; 30/70 of ten clients."""
    d, d_low = 64 * 32 + 32 + 32 * 10 + 10, 64 * 16 + 16 + 16 * 10 + 10
    found = context.facts(here, [phase_of("heterofl")])
    assert (found["d"], found["d_low"], found["high_clients"]) == (d, d_low, 3)
    found = context.facts(here, [fedavg(), zo()])
    assert (found["d"], found["d_low"], found["high_clients"]) == (d, d, 3)
    whole = context.assemble(spec_of(fedavg(), split=None), data, dealt)
    assert context.facts(whole, [fedavg(clients="all")])["high_clients"] is None
    assert loop.cohort(whole, fedavg(clients="all"), 1, SEEDS).low == frozenset()


def test_a_wider_network_is_trained_and_its_checkpoint_says_so(
    data: Dataset, dealt: Federation, tmp_path: Path
) -> None:
    spec = spec_of(fedavg(), zo(), width=2.0)
    wide = context.assemble(spec, data, dealt)
    assert wide.model.d == 64 * 64 + 64 + 64 * 10 + 10
    w = wide.model.initial(SEEDS.initialisation)
    checkpoint.save(tmp_path / "w", wide.model, State(w), context.about(wide, spec, 0))
    again = replay.model_of(checkpoint.load(tmp_path / "w"))
    assert torch.equal(checkpoint.weights(tmp_path / "w", again), w)
    narrow = context.model("mlp", (1, 8, 8), 10)
    with pytest.raises(CheckpointError, match=r"it belongs to another model$"):
        checkpoint.weights(tmp_path / "w", narrow)
