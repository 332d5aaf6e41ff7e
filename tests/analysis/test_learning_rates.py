"""The table and the figure of learning rates, from trials whose outcome is known."""

from pathlib import Path

import frames
import numpy as np
import pandas as pd
import pytest

from zowarmup.analysis.collect import trials as collect
from zowarmup.analysis.figures import learning_rates as drawn
from zowarmup.analysis.tables import learning_rates
from zowarmup.common.errors import UserError
from zowarmup.common.files import atomic_write_text
from zowarmup.plan import earlier_trials
from zowarmup.plan.earlier_trials import EarlierTrials


def test_a_row_says_what_was_chosen_from_how_many() -> None:
    made = learning_rates.table(pd.DataFrame(), frames.trials()).set_index("selection")
    row = made.loc["zowarmup"]
    assert (row["rates"], row["by_loss"]) == ("1.lr 0.1, 2.lr 0.02", "1.lr 0.3, 2.lr 0.02")
    assert (row["tried"], row["diverged"], row["seeds"]) == (4, 1, 3)
    assert (row["edges"], row["trains"]) == ("1.lr, 2.lr", "yes")
    assert row["accuracy"] == pytest.approx(0.6)
    assert made.loc["zo_init", "trains"] == "no"


def test_a_panel_shows_every_candidate_the_choice_and_what_diverged() -> None:
    axes = drawn.figure(pd.DataFrame(), frames.trials()).axes[1]
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert [line.get_xdata()[0] for line in crosses] == [0.03]
    [ring] = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (0.02, pytest.approx(60))
    dots = np.concatenate([bars[0].get_xdata() for bars in axes.containers])
    assert sorted(dots) == [0.02, 0.02, 0.03]
    assert {text.get_text() for text in axes.texts} == {"3"}


def selection(folder: Path, name: str) -> Path:
    """A selection file with two trials."""
    own = [
        {"rates": {"1.lr": lr}, "seed": 50, "accuracy": lr, "late": lr, "loss": 1.0}
        for lr in (0.1, 0.2)
    ]
    text = pd.Series({"spec": {"name": name}, "chance": 0.1, "trials": own}).to_json()
    atomic_write_text(folder / f"{name}.json", text + "\n")
    return folder / f"{name}.json"


def test_made_and_earlier_trials_are_one_file(tmp_path: Path) -> None:
    first = selection(tmp_path, "first")
    collect.collect([first], {"first": "abc"}, None, tmp_path / "earlier.csv")
    second, output = selection(tmp_path, "second"), tmp_path / "trials.csv"
    decides = {"first": "abc", "second": "def"}
    collect.collect([second], decides, tmp_path / "earlier.csv", output)
    rows = earlier_trials.read(output)
    assert [row[0] for row in rows] == ["first", "first", "second", "second"]
    assert [row[1] for row in rows] == ["abc", "abc", "def", "def"]
    chance, trials = EarlierTrials(output).trials["def"]
    assert (chance, [trial.rates for trial in trials]) == (0.1, [{"1.lr": 0.1}, {"1.lr": 0.2}])


def test_a_file_without_trials_is_one_sentence(tmp_path: Path) -> None:
    earlier_trials.write(tmp_path / "trials.csv", [])
    with pytest.raises(UserError, match=r"trials\.csv"):
        earlier_trials.read(tmp_path / "trials.csv")
