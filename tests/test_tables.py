"""The numbers of the tables against hand computation, and their four formats."""

import csv
import re
from html.parser import HTMLParser
from io import StringIO
from math import isnan, sqrt
from pathlib import Path
from typing import Any

import frames
import pandas as pd
import pytest

from zowarmup.analysis.tables import display, distribution, main, pivot, write
from zowarmup.settings import registry

approx = pytest.approx
T2 = 4.302653  # Student's t, two degrees of freedom, 95 %
REFERENCE = frames.run("high_res_only", {0: 0.40, 1: 0.42, 2: 0.44})


def only(table: pd.DataFrame, **chosen: Any) -> Any:
    """The one row with these values."""
    for column, value in chosen.items():
        table = table[table[column] == value]
    (found,) = table.to_dict("records")
    return found


class TestMain:
    TABLE = main.table(
        frames.frame(
            frames.run("zowarmup", {0: 0.50, 1: 0.53, 2: 0.53}, missing_recall=0.75),
            REFERENCE,
            frames.run("zowarmup", {0: 0.5, 1: 0.7}, split="50/50", missing_recall=frames.NAN),
        )
    )

    def test_rows_go_by_split_and_method(self) -> None:
        rows = list(zip(self.TABLE["split"], self.TABLE["label"], strict=True))
        assert rows == [("10/90", "High Res Only"), ("10/90", "ZOWarmUp"), ("50/50", "ZOWarmUp")]

    def test_mean_and_spread(self) -> None:
        """50, 53, 53: mean 52, deviations -2, 1, 1, so the variance is (4 + 1 + 1) / 2 = 3."""
        row = only(self.TABLE, split="10/90", method="zowarmup")
        assert row["accuracy_mean"] == approx(0.52)
        assert row["accuracy_std"] == approx(0.01 * sqrt(3))
        assert row["n"] == 3

    def test_the_difference_is_paired_by_seed(self) -> None:
        """10, 11, 9: mean 10, standard deviation 1, half the interval t / sqrt 3."""
        row = only(self.TABLE, split="10/90", method="zowarmup")
        half = 0.01 * T2 / sqrt(3)
        assert row["difference"] == approx(0.10)
        assert (row["difference_low"], row["difference_high"]) == approx((0.1 - half, 0.1 + half))
        assert row["pairs"] == 3

    @pytest.mark.parametrize(
        "chosen", [{"method": "high_res_only"}, {"method": "zowarmup", "split": "50/50"}]
    )
    def test_without_a_reference_there_is_no_difference(self, chosen: dict[str, str]) -> None:
        row = only(self.TABLE, **chosen)
        assert isnan(row["difference"])
        assert row["pairs"] == 0

    def test_costs_and_recall_on_missing_classes(self) -> None:
        """20 rounds of 1000 bytes up and 2000 down, then 20 of one byte each way."""
        row = only(self.TABLE, split="10/90", method="zowarmup")
        assert (row["bytes_up"], row["bytes_down"]) == (20_020, 40_020)
        assert (row["missing_classes"], row["missing_recall"]) == (1, 0.75)
        assert isnan(only(self.TABLE, split="50/50")["missing_recall"])

    def test_a_diverged_run_counts_with_chance(self) -> None:
        """Seed 1 ends without an accuracy; two classes make chance one half. 40, 50, 44: 134/3."""
        table = main.table(frames.diverge(frames.frame(REFERENCE), 1, 20))
        (row,) = table.to_dict("records")
        assert row["accuracy_mean"] == approx(1.34 / 3)
        assert (row["n"], row["diverged"]) == (3, 1)

    def test_one_seed_has_neither_spread_nor_interval(self) -> None:
        table = main.table(
            frames.frame(frames.run("high_res_only", {0: 0.4}), frames.run("zowarmup", {0: 0.5}))
        )
        shown = display.display(table)
        assert shown["accuracy, %"].tolist() == ["40.0", "50.0"]
        assert shown["difference [95 %], points"].tolist() == ["–", "+10.0"]

    def test_what_a_reader_sees(self) -> None:
        """The half interval is 0.0248: 0.10 - 0.0248 = 0.0752 and 0.10 + 0.0248 = 0.1248."""
        row = only(display.display(self.TABLE), method="ZOWarmUp", **{"high/low, %": "10/90"})
        assert row["accuracy, %"] == "52.0 ± 1.7"
        assert row["difference [95 %], points"] == "+10.0 [+7.5, +12.5]"
        assert row["recall on them, %"] == "75.0"
        assert row["bytes up"] == "20.0 kB"


class TestPivot:
    EARLY = frames.run("zowarmup", {0: 0.45, 1: 0.47, 2: 0.49}, study="pivot", pivot=10)
    LATE = frames.run("zowarmup", {0: 0.41, 1: 0.44, 2: 0.47}, study="pivot", pivot=30)

    def test_each_pivot_against_high_res_only(self) -> None:
        """1, 2, 3: mean 2, standard deviation 1. 5, 5, 5 has no spread, so no interval either."""
        table = pivot.table(frames.frame(REFERENCE, self.EARLY, self.LATE))
        assert table["pivot"].tolist() == [10, 30]
        assert table["accuracy_mean"].tolist() == approx([0.47, 0.44])
        assert table["accuracy_std"].tolist() == approx([0.02, 0.03])
        assert table["difference"].tolist() == approx([0.05, 0.02])
        assert isnan(table["difference_low"][0])
        assert table["difference_low"][1] == approx(0.02 - 0.01 * T2 / sqrt(3))
        assert table["bytes_up"].tolist() == [10_030, 30_010]

    def test_without_the_main_study_there_is_no_difference(self) -> None:
        table = pivot.table(frames.frame(self.EARLY))
        assert table["difference"].isna().all()
        assert table["n"].tolist() == [3]


class TestDistribution:
    TABLE = distribution.table(frames.frame(*reversed(frames.distribution())))

    def test_rademacher_is_first_then_the_three_ways(self) -> None:
        assert self.TABLE["variant"].tolist() == list(frames.WAYS)
        assert self.TABLE["tau"].tolist() == ["0.75", "1", "0.75", "0.75"]

    def test_mean_spread_and_minimum(self) -> None:
        """60, 64, 62, 66 has variance 20/3; 50, 62, 54, 66 has 160/3; see test_figures."""
        assert self.TABLE["accuracy_mean"][:2].tolist() == approx([0.63, 0.58])
        assert self.TABLE["accuracy_std"][:2].tolist() == approx(
            [0.01 * sqrt(20 / 3), 0.01 * sqrt(160 / 3)]
        )
        assert self.TABLE["accuracy_min"][:2].tolist() == approx([0.60, 0.50])

    def test_the_spreads_are_compared_in_pairs(self) -> None:
        """Deviations -3, 1, -1, 3 and -8, 4, -4, 8: the ratio of std is sqrt 8.

        Their products sum to 24 + 4 + 4 + 24 = 56, so r = 56 / sqrt(20 * 160) = 0.98995 and
        1 - r^2 = 0.02. With K = 1 + 2 t^2 0.02 / 2 and t = 4.302653 the interval is the ratio
        divided and multiplied by sqrt(K + sqrt(K^2 - 1)).
        """
        row = only(self.TABLE, variant="gaussian_tau1_same_lr")
        k = 1 + T2**2 * 0.02
        widen = sqrt(k + sqrt(k**2 - 1))
        assert row["std_ratio"] == approx(sqrt(8))
        assert (row["std_ratio_low"], row["std_ratio_high"]) == approx(
            (sqrt(8) / widen, sqrt(8) * widen)
        )
        assert row["pitman_morgan_p"] < 0.05

    def test_the_reference_is_not_compared_with_itself(self) -> None:
        row = only(self.TABLE, variant="rademacher")
        assert isnan(row["difference"])
        assert isnan(row["std_ratio"])


@pytest.mark.parametrize("name", registry.TABLES)
def test_a_study_that_is_missing_is_named(name: str) -> None:
    metrics = frames.frame(frames.run("zowarmup", {0: 0.5}, study="other"))
    with pytest.raises(ValueError, match=rf"no rows of study '{name}' \(they hold: other\)"):
        registry.load(registry.TABLES, name)(metrics)


class Page(HTMLParser):
    """Refuses tags that do not close in order, and keeps the cells of each row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "meta":
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data.strip()


@pytest.mark.parametrize("name", registry.TABLES)
class TestFormats:
    METRICS = frames.everything()

    def table(self, name: str) -> pd.DataFrame:
        found = registry.load(registry.TABLES, name)(self.METRICS)
        assert isinstance(found, pd.DataFrame)
        return found

    def seen(self, name: str) -> list[list[str]]:
        """The heading and the rows that all formats for readers must show."""
        shown = display.display(self.table(name))
        return [list(shown), *shown.to_numpy().tolist()]

    def test_csv_keeps_every_column_and_ten_digits(self, name: str) -> None:
        table = self.table(name)
        again = list(csv.DictReader(StringIO(write.plain(table))))
        assert len(again) == len(table)
        for column in table:
            values = [row[str(column)] for row in again]
            if pd.api.types.is_numeric_dtype(table[column]):
                read = [float(v) if v else frames.NAN for v in values]
                assert read == approx(table[column].tolist(), rel=1e-9, nan_ok=True)
            else:
                assert values == table[column].tolist()

    def test_markdown(self, name: str) -> None:
        above, below = write.markdown(self.table(name)).split("\n\n")
        cells = [[c.strip() for c in line.strip("|").split("|")] for line in above.split("\n")]
        assert all(set(c) <= set(":-") for c in cells.pop(1))
        assert cells == self.seen(name)
        assert below.endswith(".\n")

    def test_html(self, name: str) -> None:
        assert Page(write.html(self.table(name))).rows == self.seen(name)

    def test_latex(self, name: str) -> None:
        text = write.latex(self.table(name))
        body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
        rows = [line for line in body.strip().split("\n") if "midrule" not in line]
        widths = {len(re.split(r"(?<!\\)&", row)) for row in rows}
        assert widths == {len(self.seen(name)[0])}
        assert len(rows) == len(self.seen(name))
        assert text.isascii()
        assert not re.search(r"(?<!\\)[%_#]", text)
        plain = text.replace(r"\{", "").replace(r"\}", "")
        assert plain.count("{") == plain.count("}")
        assert text.count("$") % 2 == 0

    def test_files_are_written_in_the_format_of_their_endings(
        self, name: str, tmp_path: Path
    ) -> None:
        paths = [tmp_path / f"{name}{ending}" for ending in write.FORMATS]
        write.write(self.table(name), paths)
        expected = [form(self.table(name)) for form in write.FORMATS.values()]
        assert [path.read_text(encoding="utf-8") for path in paths] == expected

    def test_an_unknown_format_is_refused(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"a\.xls: a table can end in \.csv, \.md, "):
            write.write(self.table(name), [tmp_path / "a.xls"])


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (display.percent, 0.543, "54.3"),
        (display.percent, -0.0001, "0.0"),
        (display.signed_percent, 0.012, "+1.2"),
        (display.signed_percent, -0.012, "−1.2"),
        (display.signed_percent, 0.0, "0.0"),
        (display.size, 999, "999 B"),
        (display.size, 9_820_000, "9.82 MB"),
        (display.size, 241e6, "241 MB"),
        (display.probability, 0.0004, "<0.001"),
        (display.probability, 0.0494, "0.049"),
        (display.whole, 2.0, "2"),
        (display.whole, 1.6, "1.6"),
        (display.three_digits, 0.1, "0.100"),
    ],
)
def test_how_numbers_look(form: display.Format, value: float, text: str) -> None:
    assert form(value) == text
