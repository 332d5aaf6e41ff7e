"""Every figure: what is in it, that nothing but its data decides its bytes, and what it refuses."""

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import frames
import numpy as np
import pandas as pd
import pytest
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures import curves, strips, sweeps
from zowarmup.analysis.figures import federation as who_holds_what
from zowarmup.analysis.figures.drawing import style, write
from zowarmup.common.errors import UserError
from zowarmup.config import registry, tables_and_figures

NAMES = tuple(tables_and_figures.FIGURES)
READ_NO_ROWS = (*tables_and_figures.NEED_TRIALS, *tables_and_figures.NEED_GROWTH)
ENDINGS = tuple(write.METADATA)
METRICS = frames.everything()
LOST = frames.diverge(METRICS, 1, 30, method="zowarmup")
ONE_SPLIT = METRICS[METRICS["split"] == "10/90"]


def draw(name: str, metrics: pd.DataFrame = METRICS) -> Figure:
    more = [{"digits": frames.federation()}] if name in tables_and_figures.NEED_FEDERATION else []
    more += [frames.curvature()] * (name in tables_and_figures.NEED_CURVATURE)
    more += [frames.trials()] * (name in tables_and_figures.NEED_TRIALS)
    more += [frames.growth()] * (name in tables_and_figures.NEED_GROWTH)
    more += [frames.probes()] * (name in tables_and_figures.NEED_PROBES)
    return registry.load(tables_and_figures.FIGURES, name)(metrics, *more)


def digest(name: str) -> str:
    """Of all formats of a figure."""
    figure = draw(name, ONE_SPLIT)
    return hashlib.sha256(b"".join(write.render(figure, e) for e in ENDINGS)).hexdigest()


first_digest = cache(digest)


def points(axes: Axes, marker: str = "o") -> np.ndarray:
    """(n, 2) the seeds' dots in a panel, or with "x" the runs that diverged."""
    look = style.SEED if marker == "o" else style.DIVERGED
    found = [
        np.column_stack([np.asarray(v, dtype=float) for v in line.get_data()])
        for line in axes.lines
        if line.get_marker() == marker and line.get_markersize() == look["ms"]
    ]
    return np.concatenate([np.empty((0, 2)), *found])


def words(figure: Figure) -> str:
    """Everything that is written in a figure, legends included."""
    return " | ".join(text.get_text() for text in figure.findobj(match=Text))


def shown(figure: Figure) -> list[Text]:
    """The texts that are on the page: labels of ticks beyond the ends of an axis are not."""
    every = {id(text): text for text in figure.findobj(match=Text)}
    for axis in (a for axes in figure.axes for a in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if not low <= tick.get_loc() <= high:
                del every[id(tick.label1)]
    return [t for t in every.values() if t.get_text().strip() and t.get_visible()]


@pytest.mark.parametrize("name", NAMES)
def test_two_drawings_have_equal_bytes(name: str) -> None:
    first, second = (write.render(draw(name, ONE_SPLIT), ".svg") for _ in range(2))
    assert first == second


@pytest.mark.parametrize("names", [NAMES[:1], pytest.param(NAMES[1:], marks=pytest.mark.long)])
def test_another_process_draws_the_same_bytes(names: tuple[str, ...]) -> None:
    code = f"import test_figures as t; print(*[t.digest(name) for name in {names!r}])"
    tests = Path(__file__).parent
    path = os.pathsep.join(map(str, (tests.parents[1], tests.parent, tests)))
    variables = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    variables["SOURCE_DATE_EPOCH"] = "1"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [first_digest(name) for name in names]


# A matplotlibrc in the folder goes before one that a variable names, and that before one at home.
MATPLOTLIBRC = {
    "matplotlibrc": "text.usetex: True\naxes.formatter.use_locale: True\nsavefig.bbox: tight\n",
    "named": "font.size: 20\nsvg.fonttype: none\nno.such.key: 1\n",
    "home/.config/matplotlib/matplotlibrc": "lines.linewidth: 9\nbackend: none_such\n",
    "home/.config/matplotlib/stylelib/odd.mplstyle": "axes.grid: maybe\n",
}
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_nothing_of_a_user_s_matplotlib_reaches_a_figure(tmp_path: Path) -> None:
    for name, text in MATPLOTLIBRC.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    names = ("training_curves", "gradient_quality")
    shut = "from zowarmup.analysis.figures.drawing import matplotlib_environment as m; m.shut_out()"
    code = f"{shut}\nimport test_figures as t; print(*[t.digest(name) for name in {names!r}])"
    tests = Path(__file__).parent
    variables = os.environ | C_LOCALE
    variables |= {"PYTHONPATH": os.pathsep.join(map(str, (tests.parents[1], tests.parent, tests)))}
    variables |= {"MPLBACKEND": "widget", "MATPLOTLIBRC": str(tmp_path / "named")}
    variables |= {"HOME": str(tmp_path / "home"), "MPLCONFIGDIR": "/dev/null/none", "COLUMNS": "20"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.stdout.split() == [first_digest(name) for name in names], done.stderr


@pytest.mark.parametrize("name", MATPLOTLIBRC)
def test_a_matplotlibrc_that_is_no_text_keeps_nobody_from_drawing(
    name: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"# Gr\xf6\xdfe\nfont.size: 9\n")
    code = "from zowarmup.analysis.figures.drawing import matplotlib_environment as s; s.shut_out()"
    variables = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    variables |= {"HOME": str(tmp_path / "home"), "MATPLOTLIBRC": str(tmp_path / "named")}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_style_of_a_session_reaches_no_figure() -> None:
    style = {"text.usetex": True, "axes.facecolor": "black", "font.size": 20, "figure.dpi": 50}
    with rc_context(style | {"axes.formatter.use_locale": True, "savefig.transparent": True}):
        assert digest("training_curves") == first_digest("training_curves")
        assert rcParams["text.usetex"]


@pytest.mark.parametrize("text", ["words and so on ", "x"])
@pytest.mark.parametrize("name", ["training_curves", "costs", "recall", "alpha"])
def test_a_long_label_is_drawn_in_several_lines(name: str, text: str) -> None:
    longer = ONE_SPLIT["label"] + ": " + text * (300 // len(text))
    figure = draw(name, ONE_SPLIT.assign(label=longer))
    figure.set_dpi(write.DPI)
    figure.draw_without_rendering()
    page = figure.bbox.padded(1)
    for box in (one.get_window_extent() for one in shown(figure)):
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1


@pytest.mark.parametrize("name", NAMES)
def test_drawing_leaves_the_global_style_alone(name: str) -> None:
    before = dict(rcParams)
    draw(name)
    assert dict(rcParams) == before


def test_written_files_are_of_their_formats(tmp_path: Path) -> None:
    paths = [tmp_path / f"figure{ending}" for ending in (".svg", ".png", ".pdf")]
    write.write(draw("pivot"), paths)
    starts = [path.read_bytes()[:5] for path in paths]
    assert starts == [b"<?xml", b"\x89PNG\r", b"%PDF-"]


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"figure\.gif: .* must end in one of \.svg, \.png, \.pdf"):
        write.write(draw("pivot"), [tmp_path / "figure.gif"])


@pytest.mark.parametrize("metrics", [LOST, ONE_SPLIT], ids=["diverged", "one"])
@pytest.mark.parametrize("name", NAMES)
def test_no_text_overlaps_another_or_leaves_the_page(name: str, metrics: pd.DataFrame) -> None:
    figure = draw(name, metrics)
    figure.set_dpi(write.DPI)  # hinting makes the widths of glyphs depend on it
    figure.draw_without_rendering()
    texts = shown(figure)
    boxes = [text.get_window_extent() for text in texts]
    page = figure.bbox.padded(1)
    for i, box in enumerate(boxes):
        inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 <= box.y1 <= page.y1
        assert inside, texts[i].get_text()
        for j in range(i):
            assert not box.overlaps(boxes[j]), (texts[i].get_text(), texts[j].get_text())


@pytest.mark.parametrize(
    "name", [n for n in NAMES if tables_and_figures.SHOWS[n] and n not in READ_NO_ROWS]
)
def test_a_study_that_is_missing_is_named(name: str) -> None:
    metrics = METRICS[~METRICS["study"].isin(tables_and_figures.SHOWS[name])]
    wanted = " or ".join(map(repr, tables_and_figures.SHOWS[name]))
    with pytest.raises(m.MetricsError, match=rf"hold no rows of study {wanted} \(they hold: "):
        draw(name, metrics)


@pytest.mark.parametrize(
    ("name", "study"), [(name, study) for name in NAMES for study in tables_and_figures.SHOWS[name]]
)
def test_the_rows_of_one_study_that_it_shows_are_enough(name: str, study: str) -> None:
    draw(name, METRICS[METRICS["study"] == study]).draw_without_rendering()


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_few_seeds_are_enough(name: str, seeds: int) -> None:
    draw(name, frames.everything(seeds)).draw_without_rendering()


def test_a_second_data_set_gets_rows_of_its_own() -> None:
    both = pd.concat([METRICS, METRICS.assign(dataset="cifar10")], ignore_index=True)
    for name, panels in (
        ("training_curves", 10),
        ("pivot", 4),
        ("distribution", 2),
        ("S", 2),
        ("costs", 4),
    ):
        figure = draw(name, both)
        assert len(figure.axes) == panels
        assert "cifar10, mlp" in words(figure)


class TestTrainingCurves:
    def test_each_panel_has_each_method(self) -> None:
        above = draw("training_curves").axes[0]
        starts = {line.get_color(): line.get_xdata()[0] for line in above.lines if whole(line)}
        assert starts == {style.METHODS[method].color: 0 for method in curves.CORE}

    def test_without_the_core_no_panel_is_empty(self) -> None:
        """Other methods alone are drawn by round and by bytes."""
        rows = METRICS[METRICS["method"].isin(["heterofl", "fedkseed"])]
        panels = draw("training_curves", rows[rows["study"] == "main"]).axes
        assert [axes.get_xlabel() for axes in panels] == ["round", "sent by all, up + down"]
        for axes in panels:
            assert len([line for line in axes.lines if whole(line)]) == 2

    def test_other_methods_have_a_row_of_their_own(self) -> None:
        """On 10/90, over a thin ZOWarmUp; on 50/50 there are none."""
        (left,) = draw("training_curves").axes[4:]
        drawn = {line.get_color() for line in left.lines if whole(line)}
        others = {style.METHODS[name].color for name in frames.LABELS if name != "zowarmup_adam"}
        core = {style.METHODS[method].color for method in curves.CORE}
        assert drawn == others - core | {style.VERMILION}

    def test_high_res_only_lies_on_the_curves_that_share_its_warm_up(self) -> None:
        above = draw("training_curves").axes[0]
        last = [line.get_color() for line in above.lines if whole(line)][-1]
        assert last == style.METHODS["high_res_only"].color

    def test_the_mean_holds_a_diverged_run_at_its_last_accuracy(self) -> None:
        """Two seeds that head for 0.5 and 0.9; the second, at 0.3 in round 10, is lost in 20."""
        rows = frames.frame(frames.run("zowarmup", {0: 0.5, 1: 0.9}))
        curve = curves.mean_curve(frames.diverge(rows, 1, 20)).set_index("round")
        assert curve["mean"].to_dict() == pytest.approx(
            {0: 0.10, 10: 0.25, 20: 0.30, 30: 0.35, 40: 0.40}
        )
        assert curve["diverged"][curve["diverged"]].index.tolist() == [20]
        assert curve["pivot"][curve["pivot"]].index.tolist() == [frames.PIVOT]

    def test_runs_that_do_not_belong_together_are_refused(self) -> None:
        rows = frames.frame(
            frames.run("zowarmup", {0: 0.5}), frames.run("zowarmup", {0: 0.6}, pivot=30)
        )
        with pytest.raises(ValueError, match=r"seed 0 occurs more than once, in the runs zowarmup"):
            draw("training_curves", rows)

    @pytest.mark.parametrize(
        ("size", "text"), [(1e3, "1 kB"), (1e6, "1 MB"), (1e7, "10 MB"), (1e11, "100 GB")]
    )
    def test_ticks_of_bytes(self, size: float, text: str) -> None:
        assert style.BYTES(size) == text


def whole(line: Any) -> bool:
    """Whether a line is a curve: more than its end, and not the pivot's upright."""
    return len(line.get_xdata()) > 2


class TestPivot:
    def test_each_seed_of_each_pivot_is_a_dot(self) -> None:
        left, right = draw("pivot").axes
        assert len(points(left)) == len(points(right)) == 3 * 3
        assert sorted(points(left)[:, 1]) == pytest.approx([55, 56, 57, 60, 61, 62, 65, 66, 67])

    def test_high_res_only_stands_where_it_ended(self) -> None:
        """Final accuracies 40, 41 and 42 % on 10/90."""
        left = draw("pivot").axes[0]
        assert any(np.allclose(line.get_ydata(), 41) for line in left.lines)
        assert "High Res Only 41.0" in words(draw("pivot"))

    def test_high_res_only_can_belong_to_the_study_itself(self) -> None:
        main = (METRICS["method"] == "high_res_only") & (METRICS["study"] == "main")
        moved = METRICS[main].assign(study="pivot")
        metrics = pd.concat([METRICS[METRICS["study"] == "pivot"], moved], ignore_index=True)
        assert "High Res Only 41.0" in words(draw("pivot", metrics))

    def test_the_papers_pivot_is_at_two_fifths_of_the_rounds(self) -> None:
        left = draw("pivot").axes[0]
        assert any(np.array_equal(line.get_xdata(), [16, 16]) for line in left.lines)

    def test_the_interval_of_two_far_seeds_does_not_stretch_the_axis(self) -> None:
        """20 and 80 %: the 95 % interval is 50 plus and minus 381."""
        rows = frames.frame(frames.run("zowarmup", {0: 0.2, 1: 0.8}, study="pivot"))
        assert sweeps.pivot(rows).axes[0].get_ylim() == (-1, 101)

    def test_a_diverged_run_is_a_cross_at_chance(self) -> None:
        """Two classes: chance is one half."""
        lost = frames.diverge(METRICS, 1, 30, study="pivot", pivot=20, split="10/90")
        figure = draw("pivot", lost)
        assert points(figure.axes[0], "x")[:, 1] == pytest.approx([50])
        assert len(points(figure.axes[0])) == 8
        assert len(points(figure.axes[1], "x")) == 0
        assert "diverged" in words(figure)
        assert "diverged" not in words(draw("pivot"))


class TestDistribution:
    METRICS = frames.frame(*frames.distribution())

    def test_each_seed_of_each_variant_is_a_dot(self) -> None:
        found = points(strips.distribution(self.METRICS).axes[0])
        expected = [100 * value for _, last in frames.WAYS.values() for value in last]
        assert found[:, 1] == pytest.approx(expected)
        assert np.round(found[:, 0]).tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4

    def test_each_seed_is_joined_over_the_variants(self) -> None:
        axes = strips.distribution(self.METRICS).axes[0]
        joined = [line.get_ydata() for line in axes.lines if line.get_linewidth() == 0.5]
        assert np.stack(joined) == pytest.approx(
            100 * np.array([last for _, last in frames.WAYS.values()]).T
        )

    def test_mean_and_spread_are_printed(self) -> None:
        """60, 64, 62, 66: mean 63, deviations -3, 1, -1, 3, variance 20/3.
        50, 62, 54, 66: mean 58, deviations -8, 4, -4, 8, variance 160/3."""
        text = words(strips.distribution(self.METRICS))
        assert "63.0 ± 2.6" in text
        assert "58.0 ± 7.3" in text

    def test_the_axis_says_what_is_compared(self) -> None:
        axes = strips.distribution(self.METRICS).axes[0]
        assert [label.get_text().split("\n")[:3] for label in axes.get_xticklabels()] == [
            ["Rademacher", "τ = 0.75", "own lr 0.1"],
            ["(a) Gaussian", "τ = 1", "same lr 0.1"],
            ["(b) Gaussian", "τ = 0.75", "same lr 0.1"],
            ["(c) Gaussian", "τ = 0.75", "own lr 0.1"],
        ]

    def test_a_diverged_run_is_a_cross_and_a_missing_seed_is_no_dot(self) -> None:
        lost = frames.diverge(self.METRICS, 2, 30, variant="gaussian_tau1_same_lr")
        lost = lost[(lost["variant"] != "gaussian_own_lr") | (lost["seed"] != 0)]
        axes = strips.distribution(lost).axes[0]
        assert points(axes, "x")[:, 1] == pytest.approx([50])
        assert np.isfinite(points(axes)[:, 1]).sum() == 16 - 2


class TestSweep:
    def test_each_seed_and_each_mean_stand_at_their_setting(self) -> None:
        """tau 0.1, 0.75, 1 and 3: means 51, 53, 55 and 57 %, seeds 1 % around them."""
        left = draw("sensitivity").axes[0]
        assert sorted(points(left)[:, 1]) == pytest.approx(
            sorted(mean + s for mean in (50, 52, 54, 56) for s in (0, 1, 2))
        )
        (means,) = [
            line
            for line in left.lines
            if line.get_color() == style.VERMILION
            and line.get_linestyle() == "-"
            and len(line.get_xdata()) == 4
        ]
        assert means.get_ydata() == pytest.approx([51, 53, 55, 57])
        assert means.get_xdata() == pytest.approx(np.log10([0.1, 0.75, 1, 3]))

    def test_the_interval_is_students(self) -> None:
        """Three seeds 1 % apart: s = 1, half of the interval 4.302653 / sqrt 3 = 2.4841 %."""
        axes = draw("S").axes[0]
        (bars,) = axes.collections[-1:]
        low, high = bars.get_segments()[0][:, 1]
        assert (low, high) == pytest.approx((51 - 2.48414, 51 + 2.48414), abs=1e-4)

    def test_only_the_studies_that_are_there_have_a_panel(self) -> None:
        without = METRICS[METRICS["study"] != "eps"]
        labels = [axes.get_xlabel() for axes in draw("sensitivity", without).axes]
        assert labels == ["τ: scale of a direction", "learning rate of phase 2"]

    def test_high_res_only_of_the_main_study_stands_behind(self) -> None:
        assert "High Res Only 41.0" in words(draw("S"))
        alone = METRICS[METRICS["study"] == "S"]
        assert "High Res Only" not in words(draw("S", alone))
        assert "High Res Only 41.0" not in words(draw("alpha"))  # it has its own

    def test_infinity_has_a_place(self) -> None:
        labels = [label.get_text() for label in draw("alpha").axes[0].get_xticklabels()]
        assert labels == ["0.01", "0.1", "1", "∞"]

    @pytest.mark.parametrize(
        ("name", "setting"), [("sensitivity", "tau"), ("pivot", "pivot"), ("S", "S")]
    )
    def test_a_study_without_the_setting_is_refused_in_a_sentence(
        self, name: str, setting: str
    ) -> None:
        rows = frames.frame(frames.run("high_res_only", {0: 0.5}, study=setting))
        with pytest.raises(UserError, match=f"no run of study '{setting}' has a {setting}; let"):
            draw(name, rows)

    def test_every_second_label_of_values_is_a_line_lower(self) -> None:
        assert style.staggered(["0.1", "0.75", "1"]) == ["0.1", "\n0.75", "1"]

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0.75, "0.75"),
            (1e-4, "0.0001"),
            (0.01, "0.01"),
            (153_610, "153,610"),
            (float("inf"), "∞"),
            ("cnn", "cnn"),
        ],
    )
    def test_values_on_an_axis(self, value: Any, text: str) -> None:
        assert style.number(value) == text


class TestSteps:
    def test_forward_passes_count_from_the_pivot(self) -> None:
        """240 a round for 20 rounds: 4,800 passes; the mean accuracies end at 61, 56 and 51 %."""
        axes = draw("steps").axes[0]
        ends = [line.get_xydata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
        assert sorted(y for _, y in ends) == pytest.approx([51, 56, 61])
        assert [x for x, _ in ends] == pytest.approx([0.0048] * 3)

    def test_a_loss_that_explodes_presses_no_other_flat(self) -> None:
        scales = [axes.get_yscale() for axes in draw("steps").axes]
        assert scales == ["linear", "log", "log"]


class TestDepth:
    def ends(self, marker: str, metrics: pd.DataFrame = METRICS) -> list[tuple[float, float]]:
        axes = draw("depth", metrics).axes[0]
        return [
            (line.get_xdata()[0], line.get_ydata()[0])
            for line in axes.lines
            if line.get_marker() == marker
        ]

    def test_each_network_goes_from_scratch_to_the_warm_up(self) -> None:
        """|g|^2 is 0.4, 0.004, 2 times 1, 1.1, 1.2; the bound 2 (1 + 30 * 20 / 15) = 82."""
        look = {name: style.METHODS[name].marker for name in ("zo_init", "zowarmup")}
        rise = (1 * 1.1 * 1.2) ** (1 / 3)
        expected = [(square * rise / 82, y) for square, y in ((0.4, 81), (0.004, 21), (2, 61))]
        assert np.array(self.ends(look["zo_init"])) == pytest.approx(np.array(expected))
        assert [y for _, y in self.ends(look["zowarmup"])] == pytest.approx([71] * 3)
        axes = draw("depth").axes[0]
        arrows = [text.arrow_patch for text in axes.texts if text.arrow_patch]
        assert len(arrows) == 3
        assert {"mlp", "mlp5", "mlp5_he"} <= {text.get_text() for text in axes.texts}

    def test_a_network_without_zowarmup_has_no_arrow(self) -> None:
        left = METRICS[(METRICS["model"] != "mlp5") | (METRICS["method"] != "zowarmup")]
        axes = draw("depth", left).axes[0]
        assert sum(bool(text.arrow_patch) for text in axes.texts) == 2


class TestCosts:
    def test_methods_stand_at_the_bytes_of_one_low_resource_client(self) -> None:
        """FedAvg on all: 40 rounds of 2400 bytes for four clients, so 24 kB for one."""
        metrics = m.final_rows(m.of_study(METRICS, "main"))
        axes = draw("costs").axes[0]
        bound = style.METHODS["fedavg_all"].color
        (x,) = {
            round(line.get_xdata()[0], 6)
            for line in axes.lines
            if line.get_color() == bound and line.get_marker() == "D"
        }
        assert x == pytest.approx(np.log10(24_000), abs=1e-6)
        assert len(points(axes)) == 3 * metrics[metrics["split"] == "10/90"]["method"].nunique()


class TestRecall:
    def test_the_second_phase_goes_from_open_to_filled(self) -> None:
        """A quarter up to the pivot, three quarters at the end."""
        metrics = METRICS.copy()
        metrics.loc[metrics["round"] > frames.PIVOT, "missing_recall"] = 0.75
        axes = draw("recall", metrics).axes[0]
        opened = [line.get_xdata()[0] for line in axes.lines if line.get_mfc() == "white"]
        assert opened == [25] * 9
        assert set(points(axes)[:, 0]) == {75}

    def test_a_pivot_that_a_rule_decides_moves_no_other_method_s(self) -> None:
        """Recall is the round in per cent: 20; for the rule (10 + 30) / 2, as rows come by tens."""
        runs = [frames.run(name, {0: 0.5, 1: 0.5}) for name in ("high_res_only", "zowarmup")]
        runs += [frames.run("zowarmup_plus", {s: 0.5}, pivot=p) for s, p in ((0, 10.0), (1, 34.0))]
        rows = frames.frame(*runs)
        axes = draw("recall", rows.assign(missing_recall=rows["round"] / 100)).axes[0]
        opened = [line.get_xdata()[0] for line in axes.lines if line.get_mfc() == "white"]
        assert opened == pytest.approx([20, 20, 20])

    def test_splits_where_nothing_is_lacked_have_no_panel(self) -> None:
        metrics = METRICS.copy()
        metrics.loc[metrics["split"] == "50/50", "missing_recall"] = frames.NAN
        assert len(draw("recall", metrics).axes) == 1

    def test_where_nothing_is_lacked_the_figure_says_so(self) -> None:
        """It depends on the data, and an error would come after all training."""
        [axes] = draw("recall", METRICS.assign(missing_recall=frames.NAN)).axes
        assert [text.get_text() for text in axes.texts] == ["high-resource clients lack no class"]


class TestGradientQuality:
    def test_theory_is_the_root_of_p_over_p_plus_d(self) -> None:
        """15 / (15 + 2410): 0.0786."""
        lines = draw("gradient_quality").axes[0].lines
        flat = [
            line.get_ydata()[0]
            for line in lines
            if whole(line) is False
            and line.get_linestyle() != "-"
            and line.get_color() == style.BLACK
            and list(line.get_xdata()) == [0, 1]  # from edge to edge
        ]
        assert flat == pytest.approx([0.0786485], abs=1e-6)


def test_a_moving_mean_is_over_the_rows_around() -> None:
    """10, 20, 30, 40 and 50 % by three: (10+20)/2, 20, 30, 40, (40+50)/2."""
    rows = frames.frame(frames.run("zowarmup", {0: 0.5}))
    curve = curves.mean_curve(rows, smooth=3)
    assert (100 * curve["mean"]).tolist() == pytest.approx([15, 20, 30, 40, 45])


@pytest.mark.parametrize(("letters", "columns"), [(60, 1), (40, 2), (10, 4)])
@style.styled
def test_a_legend_has_as_many_columns_as_fit(letters: int, columns: int) -> None:
    """Seven inches hold about 110 letters and two keys."""
    figure, _ = style.panels(1, 2.0, width=style.WIDTH)
    handles = [style.seed_handle("x" * letters) for _ in range(8)]
    style.legend(figure, pd.DataFrame({"diverged": [False]}), handles)
    assert figure.legends[0]._ncols == columns


def test_looks_that_methods_share_a_figure_with_are_not_given_twice() -> None:
    looks = style.lines(["zowarmup", "heterofl", "a", "b"])
    assert len({look.color for look in looks.values()}) == 4


class TestFederation:
    def test_each_holding_is_a_dot_whose_area_is_its_size(self) -> None:
        """In tier order the clients are 3, 0, 4, 2, 1: eight 0s, eight 1s, 2 + 3 + 3, ..."""
        (dots,) = draw("federation").axes[0].collections
        places = [(int(x), int(y)) for x, y in dots.get_offsets()]
        assert places == [(1, 0), (2, 1), (3, 0), (3, 1), (3, 2), (4, 2), (5, 0), (5, 1)]
        areas = dots.get_sizes() / dots.get_sizes().max() * 8
        assert areas == pytest.approx([8, 8, 2, 3, 3, 8, 4, 4])

    def test_the_splits_end_after_their_high_resource_clients(self) -> None:
        """A tenth of five clients is still one; a half is two, as everywhere (round half even)."""
        lines = draw("federation").axes[0].lines
        assert sorted(line.get_xdata()[0] for line in lines) == [1.5, 2.5]

    def test_shares_of_the_high_tiers(self) -> None:
        """Label 0: 8 of 14 with client 3. Label 1: none, then 8 of 15. Label 2: none."""
        counts = who_holds_what.ordered_counts(frames.federation())
        shares = who_holds_what.tier_shares(counts, {"10/90": 1, "50/50": 2})
        assert shares == pytest.approx(np.array([[8 / 14, 8 / 14], [0, 8 / 15], [0, 0]]))

    def test_without_a_federation_it_says_what_it_needs(self) -> None:
        with pytest.raises(UserError, match=r"needs a federation\.json"):
            who_holds_what.figure(METRICS)


class TestEstimator:
    def test_shows_only_seeds_that_both_estimators_have(self):
        """A mean over other seeds would differ for that reason alone."""
        drawing = draw("estimator")
        assert "seeds: 0 |" in words(drawing) + " |"
        accuracy, loss = drawing.axes
        rows = METRICS[(METRICS["study"] == "estimator") & (METRICS["seed"] == 0)]
        for axes, column, factor in ((accuracy, "test_accuracy", 100), (loss, "train_loss", 1)):
            curves_drawn = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) > 1]
            final = m.final_rows(rows)[column] * factor
            assert len(curves_drawn) == 2
            assert np.allclose([curve[-1] for curve in curves_drawn], final.iloc[0])

    def test_one_estimator_alone_is_drawn_with_all_its_seeds(self):
        rows = METRICS[(METRICS["study"] == "estimator") & (METRICS["estimator"] == "directional")]
        assert "seeds: 0, 1, 2" in words(draw("estimator", rows))
