"""The warm-up: its snapshots, how it is resumed after a kill, and how it diverges."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from small_runs import (
    ALL,
    SEEDS,
    Spec,
    at,
    equal_rows,
    fedavg,
    finish,
    same,
    spec_of,
    warm_up,
    without,
    zo,
)

from zowarmup.storage import checkpoint
from zowarmup.training import resume_state
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs


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


@pytest.mark.parametrize("participation", [1.0, 0.5, 0.1])
def test_the_trajectory_s_end_is_averaging_with_its_pivot_anywhere(
    context: Context, tmp_path: Path, participation: float
) -> None:
    """High Res Only needs no run of its own: from any snapshot FedAvg goes on as it does there."""
    made = warm_up(context, tmp_path, participation=participation)
    assert torch.equal(at(context, tmp_path, 0), context.model.initial(SEEDS.initialisation))
    for start in (5, 35):
        phases = [fedavg(t, participation=participation) for t in (start, ALL - start)]
        end = finish(context, spec_of(*phases), at(context, tmp_path, start), tmp_path / f"{start}")
        assert torch.equal(end.w, at(context, tmp_path, ALL))
        costs = {*vars(Costs()), "phase"}
        for mine, theirs in zip(reversed(end.rows), reversed(made), strict=False):
            assert same(without(mine, costs), without(theirs, costs))


def test_rows_and_snapshots_lie_on_their_strides(context: Context, tmp_path: Path) -> None:
    made = warm_up(context, tmp_path, rounds=12)
    assert [row["round"] for row in made] == [0, 5, 10, 12]
    names = sorted(path.name for path in (tmp_path / "snapshots").iterdir())
    assert names == [f"round-{t:06d}.safetensors" for t in (0, 5, 10, 12)]


@pytest.mark.parametrize("t", [0, 5, 25, ALL])
def test_a_warmup_goes_on_from_its_last_snapshot(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, t: int
) -> None:
    whole = warm_up(context, tmp_path / "whole", participation=0.5)
    with killed_after(t, monkeypatch), pytest.raises(Killed):
        warm_up(context, tmp_path / "cut", participation=0.5)
    assert not (tmp_path / "cut" / "snapshots").exists()
    again = warm_up(context, tmp_path / "cut", participation=0.5)
    assert equal_rows(again, whole)
    for file in (tmp_path / "whole" / "snapshots").iterdir():
        assert (tmp_path / "cut" / "snapshots" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("t", [5, 25])
@pytest.mark.parametrize(
    ("algorithm", "kept"),
    [
        ("fedadam", {"m", "v", "steps"}),
        ("heterofl", set()),
        ("zo_mixed", {"v", "updates", "steps", "last_clients", "error", "iterate"}),
    ],
)
def test_a_snapshot_holds_what_the_server_has_beside_the_model(
    context: Context,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    algorithm: str,
    kept: set,
    t: int,
) -> None:
    """Adam's moments too: without them the rounds after a kill would be other ones."""
    own: Spec = {"algorithm": algorithm, "clients": "all", "participation": 0.5}
    whole = warm_up(context, tmp_path / "whole", **own)
    with killed_after(t, monkeypatch), pytest.raises(Killed):
        warm_up(context, tmp_path / "cut", **own)
    file = checkpoint.load(checkpoint.snapshot(tmp_path / "cut" / "state", t))
    assert set(file.server) == kept
    assert file.server.get("steps", torch.tensor(t)).item() == t
    again = warm_up(context, tmp_path / "cut", **own)
    assert equal_rows(again, whole)
    for file in (tmp_path / "whole" / "snapshots").iterdir():
        assert (tmp_path / "cut" / "snapshots" / file.name).read_bytes() == file.read_bytes()
    assert whole[-1]["train_loss"] < whole[0]["train_loss"]


def test_saved_work_of_something_else_is_thrown_away(
    context: Context, tmp_path: Path, caplog: pytest.LogCaptureFixture
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
    assert warm_up(context, tmp_path, rounds=10)[0]["round"] == 0
    assert "starting over: the saved state is stale: code was other and is this" in caplog.text
    assert not (tmp_path / "snapshots" / "round-000007.safetensors").exists()
    assert not (tmp_path / "snapshots" / "state.json").exists()


def test_a_diverging_warmup_stands_for_all_that_starts_from_it(
    context: Context, tmp_path: Path
) -> None:
    made = warm_up(context, tmp_path, lr=1e30)
    assert made[-1]["diverged"] is True
    assert made[-1]["round"] < ALL
    assert not any(row["diverged"] for row in made[:-1])
    late = at(context, tmp_path, 20)
    assert torch.equal(late.view(torch.int32), at(context, tmp_path, ALL).view(torch.int32))
    end = finish(context, spec_of(fedavg(20), zo(20)), late, tmp_path / "j")
    assert [(row["round"], row["diverged"]) for row in end.rows] == [(25, True)]


@pytest.mark.parametrize("lr", [300.0, 1e30])
def test_a_diverged_warmup_killed_at_its_end_ends_alike(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lr: float
) -> None:
    """A kill while the diverged model is being copied to the later snapshots."""
    whole = warm_up(context, tmp_path / "whole", lr=lr)
    with killed_after(25, monkeypatch), pytest.raises(Killed):
        warm_up(context, tmp_path / "cut", lr=lr)
    again = warm_up(context, tmp_path / "cut", lr=lr)
    assert whole[-1]["diverged"]
    assert [row["round"] for row in again] == [row["round"] for row in whole]
    for file in (tmp_path / "whole" / "snapshots").iterdir():
        assert (tmp_path / "cut" / "snapshots" / file.name).read_bytes() == file.read_bytes()
