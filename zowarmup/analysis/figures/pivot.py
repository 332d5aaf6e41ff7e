"""Final accuracy against the round at which zeroth-order training starts, one panel per split."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis import stats
from zowarmup.analysis.figures import style
from zowarmup.settings.errors import UserError

REFERENCE = "high_res_only"
PAPER = 200 / 500  # the paper's pivot, in parts of its rounds


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Every seed, the mean with its 95 % t interval, and High Res Only where the metrics have it.

    Each panel has its own scale of accuracy: what a pivot changes is small beside what a split
    does.

    Args:
        metrics: with the study `pivot`; High Res Only may come from the study `main` too.
        federation: not needed.

    Raises:
        ValueError: the study `pivot` has no rows, or none with a pivot.
    """
    rows = m.final_rows(m.of_study(metrics, "pivot"))
    rows = rows[rows["pivot"].notna()]
    if rows.empty:
        raise UserError("no run of study 'pivot' has a pivot: give its methods a second phase")
    scales, splits, looks = m.scales(rows), m.splits(rows), style.lines(m.methods(rows))
    drawing = style.new(style.WIDTH, 0.3 + 2.4 * len(scales))
    grid = drawing.subplots(len(scales), len(splits), squeeze=False, sharex=True)
    for line, scale in zip(grid, scales, strict=True):
        for axes, split in zip(line, splits, strict=True):
            _reference(axes, reference(metrics, scale, split))
            here = m.at_scale(rows[rows["split"] == split], scale)
            for method in m.methods(here):
                _points(axes, here[here["method"] == method], looks[method])
            _frame(axes, split, rows)
        style.accuracy_label(line[0], scale, scales, "final test accuracy, %")
    drawing.legend(handles=_handles(rows, looks), loc="outside upper left", ncols=3)
    return drawing


def reference(metrics: pd.DataFrame, scale: tuple[str, str], split: str) -> pd.DataFrame:
    """The final rows of High Res Only: those of the study `main`, else of `pivot`; perhaps none."""
    rows = m.at_scale(metrics, scale)
    rows = rows[(rows["method"] == REFERENCE) & (rows["split"] == split)]
    study = "main" if (rows["study"] == "main").any() else "pivot"
    rows = rows[rows["study"] == study]
    return rows if rows.empty else m.final_rows(rows)


def _reference(axes: Axes, rows: pd.DataFrame) -> None:
    """A line over the whole width with its interval, named where it lies."""
    if rows.empty:
        return
    estimate = stats.mean_interval(100 * m.by_seed(rows))
    axes.axhspan(estimate.low, estimate.high, color=style.FAINT, alpha=0.5, lw=0, zorder=0)
    axes.axhline(estimate.effect, color=style.BLACK, ls=style.KNOWN[REFERENCE].style, lw=1)
    text = f"{rows['label'].iloc[0]} {estimate.effect:.1f}"
    note = {"xytext": (0, 3), "textcoords": "offset points", "ha": "right", "va": "bottom"}
    axes.annotate(text, (1, estimate.effect), xycoords=("axes fraction", "data"), **note)


def _points(axes: Axes, rows: pd.DataFrame, look: style.Line) -> None:
    """The seeds lie side by side in their order, left of the mean, so that none hides another."""
    means: list[stats.Estimate] = []
    pivots = sorted(rows["pivot"].unique())
    width = 0.022 * float(rows["rounds"].max())
    for pivot in pivots:
        cell = rows[rows["pivot"] == pivot]
        values = 100 * m.by_seed(cell)
        means.append(stats.mean_interval(values))
        x = pivot - 1.3 * width + style.side_by_side(len(values), width)
        style.seeds(axes, x, values, cell.set_index("seed")["diverged"].sort_index(), look.color)
    y = [e.effect for e in means]
    ends = [[e.effect - e.low for e in means], [e.high - e.effect for e in means]]
    axes.plot(pivots, y, color=look.color, ls=look.style, lw=1)
    axes.errorbar(pivots, y, ends, color=look.color, ls="", marker=look.marker, capsize=2.5, ms=5)


def _frame(axes: Axes, split: str, rows: pd.DataFrame) -> None:
    rounds = rows["rounds"].max()
    axes.axvline(PAPER * rounds, color=style.GREY, lw=0.8, ls=(0, (1, 1.5)), zorder=0.5)
    axes.set_title(style.split_title(split), loc="left")
    axes.set_xlim(0, rounds)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -1), min(high, 101))  # the interval of two seeds can be wider than that
    if rows["pivot"].nunique() <= 6:  # more would touch
        axes.set_xticks(sorted(rows["pivot"].unique()))
    axes.set_xlabel(f"pivot: round of {rounds:.0f} at which zeroth-order training starts")


def _handles(rows: pd.DataFrame, looks: dict[str, style.Line]) -> list[Line2D]:
    labels = rows.groupby("method")["label"].first()
    named = [
        Line2D([], [], **look.kwargs(), label=f"{labels[name]}, mean and 95 % interval")
        for name, look in looks.items()
    ]
    paper = {"color": style.GREY, "lw": 0.8, "ls": (0, (1, 1.5))}
    return [
        *named,
        style.seed_handle(),
        Line2D([], [], **paper, label="the paper's pivot (200 of 500 rounds)"),
        *style.diverged_handle(rows),
    ]
