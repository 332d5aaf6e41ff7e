"""Selection: trials on held-out images, and the rule that chooses a learning rate."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from small_runs import SEEDS, chosen, last_of, phase_of, spec_of, steps_of, trial, zo
from torch import Tensor

from zowarmup.common.errors import UserError
from zowarmup.plan.specs import RunSpec
from zowarmup.storage import selection_json
from zowarmup.training import evaluate
from zowarmup.training import selection as select
from zowarmup.training.context import Context
from zowarmup.training.selection import Trial


def test_a_trial_is_training_judged_on_held_out_images(
    context: Context, pivot: Tensor, tmp_path: Path
) -> None:
    [row] = chosen(context, trial(zo()), pivot, tmp_path)
    w = last_of(itertools.islice(steps_of(context, zo(lr=0.1), pivot), 12)).w
    assert row == {"lr": 0.1, "seed": 3, "heldout_loss": evaluate.heldout_loss(context, w)}


def test_the_step_that_learns_is_chosen(context: Context, pivot: Tensor, tmp_path: Path) -> None:
    """From among one that goes nowhere and one that explodes."""
    made = chosen(context, trial(zo(), [1e-9, 0.1, 1e30], rounds=20), pivot, tmp_path)
    choice = select.choose([Trial(**row) for row in made])
    assert made[2]["heldout_loss"] is None
    assert (choice.lr, choice.at_edge) == (0.1, False)
    assert choice.mean_losses[0.1] < choice.mean_losses[1e-9]


def grid_of(*losses: Sequence[float | None]) -> list[Trial]:
    """Candidates 0.1, 0.2, ... with the held-out losses of seeds 0, 1, ... each."""
    return [
        Trial((i + 1) / 10, seed, loss)
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
    assert (choice.lr, choice.at_edge) == (lr, at_edge)


def test_nothing_to_choose_from_is_a_clear_error() -> None:
    expected = r"^selection.grid: every learning rate of \[0.1, 0.2\] diverged; add smaller ones$"
    with pytest.raises(UserError, match=expected):
        select.choose(grid_of([None, 1.0], [1.0, None]))


def test_rates_are_read_phase_after_phase_in_their_order(tmp_path: Path) -> None:
    """lr before client_lr within a phase; numbers stay as they are and take no file."""
    for name, lr in (("a", 0.1), ("b", 0.2), ("c", 0.3)):
        (tmp_path / name).write_text(json.dumps({"lr": lr}))
    lr, client_lr, last = ({"selection": name} for name in ("first", "second", "third"))
    phases = [
        phase_of("fedadam") | {"client_lr": client_lr, "lr": lr},
        phase_of("fedadam", lr=0.5, client_lr=0.6),
        zo() | {"lr": last},
    ]
    spec = RunSpec.read(spec_of(*phases))
    rated = selection_json.with_rates(spec, [tmp_path / name for name in "abc"])
    rates = [(phase.lr, phase.settings.get("client_lr")) for phase in rated.phases]
    assert rates == [(0.1, 0.2), (0.5, 0.6), (0.3, None)]


def test_a_trial_of_fedadam_varies_the_server_s_rate_alone(
    context: Context, tmp_path: Path
) -> None:
    w = context.model.initial(SEEDS.initialisation)
    phase = phase_of("fedadam", 12, clients="high")
    [row] = chosen(context, trial(phase) | {"start": 0}, w, tmp_path)
    expected = last_of(steps_of(context, phase | {"lr": 0.1}, w, first=1)).w
    assert row["heldout_loss"] == evaluate.heldout_loss(context, expected)
