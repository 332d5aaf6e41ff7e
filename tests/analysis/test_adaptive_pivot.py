"""The table and the figure `adaptive_pivot` on metrics and probes made by rule."""

from pathlib import Path

import frames
import numpy as np
import pandas as pd
import pytest

from zowarmup.analysis import metrics as m
from zowarmup.analysis import probes
from zowarmup.analysis.figures import adaptive_pivot as drawn
from zowarmup.analysis.tables import adaptive_pivot as table
from zowarmup.common.errors import UserError

approx = pytest.approx
# final accuracies of three seeds by fixed pivot; 16 is two fifths of 40 rounds
FIXED = {10: [0.5, 0.9, 0.5], 16: [0.6, 0.6, 0.6], 20: [0.7, 0.5, 0.7]}
RULE = [0.65, 0.55, 0.75]


def made(rules: tuple[str, ...] = ("plateau",)) -> pd.DataFrame:
    rows = [
        frames.run(
            "zowarmup", frames.numbered(last), study="adaptive_pivot", pivot=pivot, split="10/90"
        )
        for pivot, last in FIXED.items()
    ]
    ruled = [
        frames.run(
            "zowarmup",
            frames.numbered(RULE),
            study="adaptive_pivot",
            variant=rule,
            split="10/90",
            **{m.RULE: rule, m.PROBED: 20.0},
        )
        for rule in rules
    ]
    metrics = frames.frame(*rows, *ruled)
    # its pivots differ by seed
    pivots = metrics["seed"].map({0: 10, 1: 16, 2: 20})
    return metrics.assign(pivot=metrics["pivot"].where(metrics[m.PROBED].isna(), pivots))


def probed() -> pd.DataFrame:
    """Of three seeds, every fifth round: |g|^2 = 8, B^2 = 3, T = 10, lambda = 2."""
    rows = [
        {"seed": seed, "round": t, "heldout": 0.01 * t, "gradient_square": 8.0}
        for seed in range(3)
        for t in range(5, 31, 5)
    ]
    labels = {"dataset": "digits", "model": "mlp", "split": "10/90", "alpha": 0.1}
    return pd.DataFrame(rows).assign(**labels, dissimilarity=3.0, trace=10.0, curvature=2.0)


def test_regret_is_against_the_best_pivot_of_the_other_seeds() -> None:
    """Left out 0: means .7, .6, .6, so 10, where seed 0 has .5. Left out 1: 20, .5. 2: 10, .5."""
    rows = m.final_rows(made())
    lost = table.regret(rows[rows["variant"] == "plateau"], rows)
    assert lost.effect == approx(np.mean([0.5 - 0.65, 0.5 - 0.55, 0.5 - 0.75]))
    assert lost.n == 3


def test_the_table_has_fixed_pivots_in_order_then_rules() -> None:
    rows = table.table(made())
    assert rows["pivot_mean"].round(3).tolist() == [10, 16, 20, approx(15.333)]
    assert rows["rule"].tolist() == ["", "", "", "plateau"]
    last = rows.iloc[3]
    assert (last["pivot_min"], last["pivot_max"], last["n"]) == (10, 20, 3)
    assert last["difference"] == approx(np.mean(RULE) - 0.6)
    assert np.isnan(rows.iloc[1]["difference"])


def test_the_gain_by_hand() -> None:
    """8 / (2 (2 + 3 * 10 / 15))."""
    gain = probes.gain(probed().assign(directions=15))
    assert gain.tolist() == [approx(1.0)] * len(gain)
    flat = probes.gain(probed().assign(directions=15, trace=-1.0))
    assert flat.iloc[0] == approx(2.0)
    assert probes.gain(probed().assign(directions=15, curvature=-5.0)).isna().all()


def test_the_figure_shows_where_rules_fire() -> None:
    figure = drawn.figure(made(), probed())
    along, gain, end = figure.axes
    marks = [line for line in along.lines if line.get_linestyle() == "None"]
    assert [sorted(line.get_xdata()) for line in marks] == [[10, 16, 20]]
    assert gain.lines[0].get_ydata() == approx([1.0] * 6)
    means = next(line for line in end.lines if line.get_linestyle() == "-")
    assert means.get_ydata() == approx([100 * np.mean(last) for last in FIXED.values()])


def test_no_rule_looks_like_the_fixed_pivots() -> None:
    """`progress` was an orange dot on the orange line."""
    rows = made(("plateau", "progress", "gap", "variance"))
    along, _, end = drawn.figure(rows, probed()).axes
    line = next(line for line in end.lines if line.get_linestyle() == "-")
    marks = [mark.get_color() for mark in along.lines if mark.get_linestyle() == "None"]
    assert len(set(marks)) == 4
    assert line.get_color() not in marks


def test_a_figure_without_probes_says_what_to_do() -> None:
    with pytest.raises(UserError, match="give one of them `pivot: auto`"):
        drawn.figure(made())


def test_probes_are_read_with_their_labels(tmp_path: Path) -> None:
    file = tmp_path / "probes.csv"
    file.write_text("round,heldout,trace\n5,0.5,\n10,0.6,2.0\n")
    rows = probes.read({str(file): {"split": "10/90", "alpha": "infinite", "seed": 3}})
    assert rows["alpha"].tolist() == [np.inf, np.inf]
    assert rows["trace"].isna().tolist() == [True, False]
    assert rows["seed"].tolist() == [3, 3]
