"""Names and labels are text: read, written and drawn as given, whatever else they could mean."""

import csv
import json
import logging
import os
import re
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import frames
import pandas as pd
import pytest
import workbench
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from overlays import overlay, refusal
from pydantic import TypeAdapter, ValidationError

from zowarmup.analysis import csv_file, metrics
from zowarmup.analysis.claims import judge, schema
from zowarmup.analysis.claims import write as claims_write
from zowarmup.analysis.collect import rows as collect
from zowarmup.analysis.figures import curves
from zowarmup.analysis.figures.drawing import write
from zowarmup.analysis.report import signatures_page
from zowarmup.analysis.tables import studies
from zowarmup.analysis.tables import write as tables
from zowarmup.common.job_log import log_to
from zowarmup.config.text import INVISIBLE, Label
from zowarmup.data import dataset_file, federation
from zowarmup.plan.paths import Paths
from zowarmup.plan.plan import plan
from zowarmup.storage import metrics_csv as rows_file

TINY = workbench.PROJECT / "tests" / "tiny.yaml"
LABEL: TypeAdapter[str] = TypeAdapter(Label)
# What reads as nothing, as a number or as a truth value somewhere.
WORDS = ("NA", "None", "nan", "null", "NULL", "N/A", "#N/A", "1e5", "007", "true", "yes", "inf")
STRANGE = (
    *WORDS, "-1", r"lr $\foo$", "costs $5 to $10", '"best", really', "a|b", "*a* _b_ `c` ~d~",
    "<b>&amp;</b>", "[x](y)", "50 % #1 ^2 {x}", "\\", "_x", "two\nlines", "a\tb", "=cmd()", "a;b,c",
    "😀", "שלום", "e\u0301", "中", "--", "[a", "*", "''", "x" * 300, "$",
)  # fmt: skip
MARKS = st.sampled_from([*"\\|*_`<>&%#{}[]()~^$\"',;=-!\n\t ", "&amp;", "<br>", "\\$", "--"])
LETTERS = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")


def labels() -> st.SearchStrategy[str]:
    """Any label that a config can give."""
    text = st.lists(st.one_of(LETTERS, MARKS), min_size=1, max_size=40).map("".join)
    return text.filter(seen).map(LABEL.validate_python)


def seen(text: str) -> bool:
    return any(unicodedata.category(letter) not in INVISIBLE for letter in text)


class Cells(HTMLParser):
    """The cells of the tables of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.inside = tag in ("td", "th")
        if self.inside:
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.found[-1] += data


def one(label: str, method: str = "high_res_only") -> pd.DataFrame:
    return frames.frame(frames.run(method, {0: 0.5}, label=label))


def of_markdown(table: str) -> list[str]:
    """The cells of the last row, as a reader sees them."""
    row = table.split("\n\n")[0].split("\n")[-1]
    cells = [cell.strip() for cell in re.findall(r"\|((?:\\.|[^|\\])*)(?=\|)", row)]
    return [re.sub(r"\\(.)", r"\1", cell.replace("<br>", "\n")) for cell in cells]


# --- tables and figures -----------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(labels())
@example(r"lr $\foo$")
@example('"best", really')
@example("[x](y) | *a* _b_ <b>\n\\")
@example("中 \\$ $5 to $10")
def test_any_label_is_written_and_drawn_as_given(label: str) -> None:
    rows = one(label)
    table = studies.main(rows)
    assert next(csv.DictReader(StringIO(tables.plain(table))))["label"] == label
    assert label in [cell.strip() for cell in Cells(tables.html(table)).found]
    tables.latex(table)
    tables.markdown(table)
    figure = curves.training_curves(rows)
    write.render(figure, ".svg")


@pytest.mark.parametrize("label", STRANGE)
def test_markdown_shows_a_label_and_no_mark_up_of_it(label: str) -> None:
    assert label in of_markdown(tables.markdown(studies.main(one(label))))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("50 % & #1_a^2 {x}", r"50 \% \& \#1\_a\^{}2 \{x\}"),
        (r"\foo $5~", r"\textbackslash{}foo \$5\textasciitilde{}"),
        ("a--b---c", r"a-{}-b-{}-{}-c"),
        ("`a''", r"\textasciigrave{}a'{}'"),
        ("two\nlines", "two lines"),
    ],
)
def test_latex_sets_a_label_and_runs_no_command_of_it(label: str, expected: str) -> None:
    assert f" {expected} " in tables.latex(studies.main(one(label)))


@pytest.mark.parametrize("label", ["[2cm] a", "* a"])
def test_latex_does_not_take_a_cell_for_an_argument_of_the_line_above(label: str) -> None:
    table = pd.DataFrame({"label": ["a", label]})
    table.attrs["caption"] = "Caption."
    assert "{}" + label in tables.latex(table)


@pytest.mark.parametrize("label", ["$5 to $10", r"lr $\foo$", "_x", r"a\$b", "NA", "😀"])
def test_a_figure_draws_the_letters_of_a_label(label: str) -> None:
    figure = curves.training_curves(one(label))
    write.render(figure, ".png")
    legend = [text for text in figure.findobj(match=Text) if text.get_text()]
    drawn = [text._preprocess_math(text.get_text()) for text in legend]  # type: ignore[attr-defined]
    assert (label, False) in drawn


def test_letters_that_the_font_lacks_are_named_once_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [tmp_path / f"a{ending}" for ending in (".svg", ".png", ".pdf")]
    write.write(curves.training_curves(one("中中")), paths)
    assert len(caplog.messages) == 1
    assert "CJK UNIFIED IDEOGRAPH-4E2D" in caplog.text


# --- files ------------------------------------------------------------------------------------


MEASURED = (
    "phase", "test_accuracy", "test_loss", "train_loss", "train_loss_high", "train_loss_low",
    "heldout_loss", "recall_0", "recall_1", "bytes_up", "bytes_down", "bytes_up_low",
    "bytes_down_low", "forward_passes", "backward_passes", "drift", "gradient_cosine",
    "dissimilarity",
)  # fmt: skip


def finished(config: Path, folder: Path) -> list[dict[str, Any]]:
    """The files of a config's finished jobs, of which collecting reads all; and the cells."""
    paths = Paths(plan([str(config)]), str(folder))
    cells = [paths.described(*cell) for cell in paths.cells("")]
    row = dict.fromkeys(MEASURED, 1)
    facts = {"high_clients": 3, "d": 9, "d_low": 9, "spec": {"phases": [{"lr": 0.1}]}}
    dealt = {
        "version": 2, "dataset_sha256": "", "clients": 10, "alpha": 1.0, "holdout": 0.0, "seed": 0,
        "order": [*range(10)], "budgets": None, "train": [[k] for k in range(10)],
        "heldout": [[]] * 10, "label_counts": [[1, 1]] * 10,
    }  # fmt: skip
    for cell in cells:
        for part in map(Path, cell["parts"]):
            part.mkdir(parents=True, exist_ok=True)
            (part / "run.json").write_text(json.dumps(facts), encoding="utf-8")
            own = [row | {"round": t, "diverged": False} for t in range(0, 61, 20)]
            rows_file.write(part / "metrics.csv", own)
        files = {file: json.dumps({"edges": []}) for file in cell["selections"]}
        for file, text in {**files, cell["federation"]: federation.sealed(dealt)}.items():
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(text, encoding="utf-8")
    return cells


def test_names_and_labels_pass_through_the_one_file_that_all_analysis_reads(
    tmp_path: Path,
) -> None:
    """A quote once ended in "cut short", a method NA in no method at all."""
    names = ["NA", "None", "nan", "1e5", *(f"m{i}" for i in range(4, len(STRANGE)))]
    phase = {"algorithm": "fedavg", "clients": "all", "rounds": 60}
    methods = {
        name: {"label": label, "phases": [phase | {"lr": 0.01 * (i + 1)}]}
        for i, (name, label) in enumerate(zip(names, STRANGE, strict=True))
    }
    content = {"extends": str(TINY), "methods": methods, "studies": {"main": {"methods": names}}}
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    cells = finished(config, tmp_path)
    collect.collect(cells, tmp_path / "metrics.csv")
    read = metrics.read(tmp_path / "metrics.csv")
    found = dict(zip(read["method"], read["label"], strict=True))
    assert found == dict(zip(names, STRANGE, strict=True))
    assert read["lr_2"].isna().all()
    assert set(signatures_page.table(read).columns) == set(signatures_page.COLUMNS)
    assert len(studies.main(read)) == len(found)


def test_the_signatures_of_methods_that_pandas_would_call_missing(tmp_path: Path) -> None:
    runs = [frames.run(name, {s: 0.1 * s for s in range(4)}, label=name) for name in WORDS]
    rows = frames.frame(*runs)
    rows.assign(run=rows["method"]).to_csv(tmp_path / "metrics.csv", index=False)
    found = signatures_page.table(metrics.read(tmp_path / "metrics.csv"))
    assert found["run"].tolist() == list(WORDS)


def test_numbers_that_are_missing_are_still_missing(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('method,label,x,y\nNA,"",,1\nnull,"a ""b""",nan,\n', encoding="utf-8")
    rows = csv_file.read(path, ["method", "label", "absent"])
    assert rows["method"].tolist() == ["NA", "null"]
    assert rows["label"].tolist() == ["", 'a "b"']
    assert rows["x"].isna().tolist() == [True, True]
    assert rows["y"].isna().tolist() == [False, True]


def test_verdicts_keep_their_texts(tmp_path: Path) -> None:
    rules = schema.read("config/claims.yaml")
    verdicts = judge.judge(frames.everything(), rules)
    verdicts["paper"], verdicts["claims_sha256"] = "NA", "1e" + 62 * "0"
    claims_write.write(verdicts, [tmp_path / "claims.csv"])
    read = claims_write.read(tmp_path / "claims.csv")
    for column in claims_write.TEXT:
        assert read[column].tolist() == verdicts[column].tolist()
    assert read["low"].tolist() == pytest.approx(verdicts["low"].tolist(), nan_ok=True)


def test_claims_in_markdown_show_their_text(tmp_path: Path) -> None:
    verdicts = judge.judge(frames.everything(), schema.read("config/claims.yaml"))
    verdicts["text"] = "a|b *c* <b> $5 to $10\nand"
    text = claims_write.markdown(verdicts)
    assert r"| a\|b \*c\* \<b> \$5 to \$10<br>and<br>" in text


# --- names and labels that a config may not give ----------------------------------------------

NAMES = {
    "null": "YAML reads this key as None; put it in quotes",
    "no": "YAML reads this key as False; put it in quotes",
    "On": "YAML reads this key as True; put it in quotes",
    "1.0": "YAML reads this key as 1.0; put it in quotes",
    "1e5": "YAML reads this key as 100000.0; put it in quotes",
    "007": "YAML reads this key as 7; put it in quotes",
    "N/A": "use only letters, digits",
    "'..'": "use only letters, digits",
    "'{x}'": "use only letters, digits",
    "'a%b'": "use only letters, digits",
    "' a'": "use only letters, digits",
    "'-1'": "use only letters, digits",
    "''": "use only letters, digits",
    "x" * 101: "use at most 100 characters",
}
HETEROFL = "{label: %s, phases: [{algorithm: heterofl, clients: all, rounds: 60, lr: 0.1}]}"
QUOTED = "'{x}'"
PLACES = {
    "methods": "{{label: B, phases: [{{algorithm: fedavg, clients: all, rounds: 60}}]}}",
    "datasets": "{{source: digits}}",
    "federations": "{{dataset: digits, clients: 10, alpha: 0.5}}",
    "studies": "{{methods: [zowarmup]}}",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_no_folder_can_have_is_refused_at_once(
    tmp_path: Path, place: str, name: str
) -> None:
    sentence = refusal(overlay(tmp_path, f"{place}: {{{name}: {PLACES[place].format()}}}"))
    assert NAMES[name] in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("place", PLACES)
def test_names_that_are_one_folder_on_some_disks_are_refused(tmp_path: Path, place: str) -> None:
    value = PLACES[place].format()
    sentence = refusal(overlay(tmp_path, f"{place}: {{new: {value}, NEW: {value}}}"))
    assert f"{place}.NEW: only the case of letters tells this name from new" in sentence


def test_variants_that_are_one_folder_on_some_disks_get_a_number(tmp_path: Path) -> None:
    cell = "{method: zowarmup, set: {zo.tau: %s}}"
    text = f"studies: {{main: {{variants: {{a: {cell % 0.5}, A: {cell % 0.6}}}}}}}"
    runs = plan([str(overlay(tmp_path, text))]).runs
    assert list(runs) == ["high_res_only", "zowarmup", "a", "A-2"]


def test_two_methods_of_a_study_that_do_the_same_are_refused(tmp_path: Path) -> None:
    """Their rows would be one run's, twice."""
    method = PLACES["methods"].format()
    text = f"methods: {{a: {method}, b: {method.replace('label: B', 'label: C')}}}\n"
    sentence = refusal(overlay(tmp_path, text + "studies: {main: {methods: [a, b]}}"))
    assert "studies.main: b and a do the same; leave out one of them" in sentence


@pytest.mark.parametrize("word", ["null", "no", "1e5", "007", ".inf"])
def test_a_text_that_yaml_reads_as_something_else_is_told_of_quotes(
    tmp_path: Path, word: str
) -> None:
    sentence = refusal(overlay(tmp_path, f"studies: {{main: {{methods: [{word}]}}}}"))
    assert "studies.main.methods.0: input should be a valid string" in sentence
    assert "in quotes" in sentence


@pytest.mark.parametrize(
    "label", ["", "  ", "\t\n", "\x07", "a\ud800", "\x00", "\x85", "\uffff", "\u200b", " \u2060"]
)
def test_a_label_that_nobody_could_read_is_refused(label: str) -> None:
    with pytest.raises(
        ValidationError, match=r"use at least one character|that a text file can hold"
    ):
        LABEL.validate_python(label)


@pytest.mark.parametrize("label", ["High Res Only", "' High  Res Only '", '"High\\nRes Only"'])
def test_two_methods_that_look_alike_are_refused(tmp_path: Path, label: str) -> None:
    sentence = refusal(overlay(tmp_path, f"methods: {{zowarmup: {{label: {label}}}}}"))
    assert "methods.zowarmup.label: high_res_only is called" in sentence


@pytest.mark.parametrize("file", ["'{x}.yaml'", "''", "' '"])
def test_a_claims_file_whose_name_snakemake_would_fill_in_is_refused(
    tmp_path: Path, file: str
) -> None:
    assert "claims: give a file name without braces" in refusal(
        overlay(tmp_path, f"claims: {file}")
    )


def test_snakemake_finds_every_file_of_odd_names(tmp_path: Path) -> None:
    """Of names that mean something to YAML, pandas or regular expressions."""
    project = workbench.copy_project(tmp_path / "project")
    config = overlay(
        tmp_path,
        f"name: NA\ndatasets: {{nan: {{source: digits}}}}\nfederation: None\n"
        f"federations: {{None: {PLACES['federations'].format().replace('digits', 'nan')}}}\n"
        f"methods: {{NA: {HETEROFL % '😀'}, 'no': {HETEROFL.replace('all', 'high') % QUOTED}}}\n"
        "studies: {main: {methods: [NA, 'no'], grid: {heterofl.milestones: [[10, 20], [30]]}}}",
    )
    answer = workbench.snakemake(project, "--dry-run", "--configfile", str(config))
    assert workbench.planned(answer)["warmup"] == 8


def test_a_log_keeps_the_lines_that_name_a_file_of_another_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Workers of pytest cannot send such a line with the report of a test.
    monkeypatch.setattr(logging.getLogger("zowarmup"), "propagate", False)
    with log_to(tmp_path / "log"):
        logging.getLogger("zowarmup").info("caf\udce9.npz: not found")
    assert "caf\\udce9.npz: not found" in (tmp_path / "log").read_text(encoding="utf-8")


# --- an output that knows few letters ---------------------------------------------------------


def test_the_command_line_speaks_where_the_locale_is_c(tmp_path: Path) -> None:
    """A folder of this name used to end in a traceback."""
    file = tmp_path / "é" / "dataset.npz"
    dataset_file.save(dataset_file.load_source("digits", images_train=200, images_test=10), file)
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
    command = [sys.executable, "-m", "zowarmup", "inspect", str(file)]
    done = subprocess.run(command, env=os.environ | plain, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "is" in done.stdout
