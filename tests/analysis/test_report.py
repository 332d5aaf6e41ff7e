"""The report: one page that opens in a browser, the story first, a caption to everything."""

import csv
import html
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import frames
import pytest
import workbench

from zowarmup.analysis import metrics as m
from zowarmup.analysis.claims import judge, schema
from zowarmup.analysis.report import front_page
from zowarmup.config import tables_and_figures

TINY = workbench.PROJECT / "tests" / "tiny.yaml"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


@pytest.fixture(scope="module")
def report(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the finished copy."""
    page = tmp_path_factory.mktemp("report") / "report.html"
    look = ("--report-stylesheet", "workflow/report/report.css")
    answer = workbench.snakemake(
        finished, "--report", str(page), *look, "--configfile", "tiny.yaml"
    )
    assert answer.code == 0, answer.text
    return page


def opened(report: Path, click: str = "") -> str:
    """The page's DOM in a real browser, after a call of the page's own script."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"NO BROWSER: install one of {', '.join(BROWSERS)} to see the report open")
    noted = "window.addEventListener('error', e => { document.title = 'ERROR ' + e.message })"
    text = report.read_text().replace("<head>", f"<head><script>{noted}</script>", 1)
    page = report.with_name("opened.html")
    page.write_text(f"{text}<script>setTimeout(() => {{ {click} }}, 100)</script>")
    profile = f"--user-data-dir={report.parent / 'profile'}"
    command = [browser, *QUIET, profile, "--virtual-time-budget=8000", "--dump-dom"]
    done = subprocess.run(
        [*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    assert "<title>Snakemake Report</title>" in done.stdout, "a script of the page failed"
    return done.stdout.partition('<div id="app">')[2].partition("<script")[0]


@pytest.fixture(scope="module")
def rendered(report: Path) -> str:
    """The text of the page as it opens."""
    return html.unescape(re.sub(r"<style.*?</style>|<[^>]*>", " ", opened(report), flags=re.S))


@pytest.mark.long
def test_the_browser_shows_the_front_page(rendered: str, finished: Path) -> None:
    """With the numbers of the table, which nobody typed."""
    text = " ".join(rendered.split())
    assert "ZOWarmUp on digits" in text
    with (finished / "results/tiny/tables/main.csv").open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    for method in ("zowarmup", "high_res_only"):
        assert f"{100 * float(rows[method]['accuracy_mean']):.1f} ±" in text
    with (finished / "results/tiny/claims.csv").open() as file:
        tested = [row for row in csv.DictReader(file) if row["family"]]
    verdicts = [row["verdict"] for row in tested]
    assert f"{len(verdicts)} verdicts on claims" in text
    assert f"{verdicts.count('not run')} not run" in text


@pytest.mark.long
def test_the_browser_shows_the_menu(rendered: str) -> None:
    for entry in ("Figures", "Tables", "Verdicts", "Statistics", "Workflow"):
        assert entry in rendered


FIGURE = "results/tiny/figures/training_curves.svg"


@pytest.mark.long
@pytest.mark.parametrize(
    ("click", "shown"),
    [
        ("app.showCategory('Figures')", ">training curves<"),
        (f"app.showResultInfo('{FIGURE}')", "See the curve of ZOWarmUp leave"),
        (
            f"app.setView({{content: 'img', contentPath: results['{FIGURE}'].data_uri}})",
            '<img src="data:image/svg',
        ),
        ("app.setView({content: 'rulegraph'})", 'id="rulegraph"'),
    ],
)
def test_the_browser_follows_a_click(report: Path, click: str, shown: str) -> None:
    assert shown in opened(report, click)


# What a config says beside what it extends, and the command line of Snakemake after the files.
NAMED = {
    "extended": ("", [], "tiny"),
    "quoted": ('name: "own"  # a comment', [], "own"),
    "single quotes": ("name:    'own'", [], "own"),
    "on a second line": ("name:\n  own", [], "own"),
    "spaces before the colon": ("name : own", [], "own"),
    "several files": ("name: own", ["second.yaml"], "tiny"),
    "the command line": ("", ["--config", "name=own", "seeds=[0, 1]"], "own"),
}


@pytest.mark.parametrize("name", NAMED)
def test_the_page_lies_where_the_results_are(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The config, the file that it extends, another file or the command line gives the name."""
    text, more, expected = NAMED[name]
    page = runpy.run_path(str(workbench.PROJECT / "workflow" / "report" / "page.py"))["page"]
    (tmp_path / "first.yaml").write_text(f"extends: {TINY}\n{text}\n")
    (tmp_path / "second.yaml").write_text("name: tiny\n")
    (tmp_path / "results" / expected).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert page(["--configfile", "first.yaml", *more]) == Path("results", expected, "report.html")


def make_report(project: Path, config: str, arguments: str = "") -> workbench.Answer:
    """`make report` as a user calls it, with the packages that are installed."""
    bin_ = Path(sys.executable).parent
    call = ["make", "-o", ".venv/.ready", f"BIN={bin_}", f"CONFIG={config}", f"ARGS={arguments}"]
    done = subprocess.run(
        [*call, "report"],
        cwd=project,
        env=workbench.environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return workbench.Answer(done.returncode, done.stdout)


def test_make_writes_it_there(finished: Path, tmp_path: Path) -> None:
    """Also of a config whose path has a blank and a quote, and that only extends another."""
    copy = shutil.copytree(finished, tmp_path / "copy")
    shutil.copy2(workbench.PROJECT / "Makefile", copy)
    (copy / "what it's.yaml").write_text("extends: tiny.yaml\n")
    answer = make_report(copy, "what it's.yaml")
    assert answer.code == 0, answer.text
    assert [str(page.relative_to(copy)) for page in copy.rglob("report.html")] == [
        "results/tiny/report.html"
    ]


def test_make_writes_it_in_another_folder_that_holds_the_results(
    finished: Path, tmp_path: Path
) -> None:
    copy, other = shutil.copytree(finished, tmp_path / "copy"), tmp_path / "other"
    shutil.copy2(workbench.PROJECT / "Makefile", copy)
    other.mkdir()
    for part in ("results", ".snakemake"):
        (copy / part).rename(other / part)
    answer = make_report(copy, str(copy / "tiny.yaml"), f"-d {other}")
    assert answer.code == 0, answer.text
    assert (other / "results/tiny/report.html").is_file()


@pytest.mark.parametrize(
    ("config", "arguments", "sentence"),
    [
        ("none.yaml", "", "zowarmup: none.yaml: No such file or directory; give the path"),
        ("two words", "", "zowarmup: two: No such file or directory; give the path"),
        ("tiny.yaml bad.yaml", "", "zowarmup: tiny.yaml + bad.yaml: seeds: input should be a val"),
        ("tiny.yaml", "--config name=none", "zowarmup: results/none: no results to report; run"),
    ],
)
def test_make_says_why_there_is_no_page(
    config: str, arguments: str, sentence: str, tmp_path: Path
) -> None:
    copy = workbench.copy_project(tmp_path / "copy")
    shutil.copy2(workbench.PROJECT / "Makefile", copy)
    (copy / "bad.yaml").write_text("seeds: many\n")
    answer = make_report(copy, config, arguments)
    assert answer.code == 2
    assert sentence in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("broken", ["none", "own"])
def test_ci_tries_a_config_that_leaves_its_name_to_another(broken: str, tmp_path: Path) -> None:
    """Its own functions over configs, with a Snakemake that fails on one config."""
    script = (workbench.PROJECT / ".ci" / "run").read_text()
    functions = re.search(r"(?ms)^dry_run\(\) .*^dry_runs\(\) .*?^}$", script)
    assert functions
    (tmp_path / "config").mkdir()
    for name, text in (("claims-own", "name: no"), ("last", "extends: full.yaml"), ("own", "{}")):
        (tmp_path / "config" / f"{name}.yaml").write_text(text)
    command = tmp_path / "snakemake"
    command.write_text(f"#!/bin/sh\ncase $* in *config/{broken}.yaml*) exit 1;; esac\n")
    command.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", f"bin=.\n{functions[0]}\ndry_runs"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = sorted(done.stdout.splitlines(), key=lambda line: line.split()[1])
    own = "ok" if broken == "none" else "FAILED"
    assert lines == ["ok: config/last.yaml", f"{own}: config/own.yaml"]
    assert (done.returncode == 0) == (broken == "none")


@pytest.mark.long
def test_a_study_has_a_report_of_its_own(finished: Path, tmp_path: Path) -> None:
    """Without the front page, which is of the whole config."""
    copy = shutil.copytree(finished, tmp_path / "copy")
    call = ("main", "--cores", "2", "--configfile", "tiny.yaml")
    # The figures are drawn though a notebook's terminal names a backend that is not installed.
    assert workbench.snakemake(copy, *call, MPLBACKEND="widget").code == 0
    call = ("main", "--report", "study.html", "--configfile", "tiny.yaml")
    answer = workbench.snakemake(copy, *call)
    assert answer.code == 0, answer.text
    page = (copy / "study.html").read_text()
    assert "Results of single studies" in page
    assert "results/tiny/studies/main/tables/main.html" in page
    assert '"results/tiny/tables/main.html"' not in page


def test_everything_marked_is_in_the_file_with_its_caption(report: Path) -> None:
    page = report.read_text()
    for path in ("figures/training_curves.svg", "tables/main.html", "claims.html"):
        assert f"results/tiny/{path}" in page
    for caption in (
        "See the curve of ZOWarmUp leave",
        "What every method reaches on every split",
        "Every testable statement of the paper",
        "Failure signatures of runs",
    ):
        assert caption in page


def test_the_report_needs_no_network(report: Path) -> None:
    """All scripts and styles are in the file."""
    assert not re.findall(r"<(?:script|link)[^>]+(?:src|href)=[\"']https?:", report.read_text())


def test_the_report_starts_no_job_and_leaves_nothing_to_do(report: Path, finished: Path) -> None:
    answer = workbench.snakemake(finished, "-n", "--configfile", "tiny.yaml")
    assert workbench.planned(answer) == {}


@pytest.mark.parametrize(("page", "table"), [("table", "TABLES"), ("figure", "FIGURES")])
def test_every_table_and_figure_has_a_caption(page: str, table: str) -> None:
    text = (workbench.PROJECT / f"workflow/report/{page}.rst").read_text()
    captions = dict(re.findall(r'^  "(\w+)": "(.+)",$', text, re.M))
    assert set(captions) == set(getattr(tables_and_figures, table))
    assert all("See " in caption for caption in captions.values())


def test_cpu_time_is_the_sum_of_what_was_measured(tmp_path: Path) -> None:
    """Two jobs of 60 and 90.5 seconds, one too short to be measured."""
    head = "s\tcpu_time\n"
    for name, seconds in (("runs/a/0", "60"), ("warmups/b/1", "90.5"), ("runs/c/0", "NA")):
        rule = {"runs": "train", "warmups": "warmup"}[name.partition("/")[0]]
        benchmark = tmp_path / f"benchmarks/{rule}/{name.partition('/')[2]}.tsv"
        benchmark.parent.mkdir(parents=True, exist_ok=True)
        benchmark.write_text(f"{head}1\t{seconds}\n")
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.json").write_text('{"commit": "0123456789"}')
    work = [str(path) for path in tmp_path.rglob("run.json")]
    facts = front_page.job_facts(tmp_path, work)
    assert facts == {"CPU time": "3 min (2 measured of 3 jobs)", "commit": "0123456"}


def test_many_values_are_named_by_their_ends() -> None:
    assert front_page.several([3, 3, 4]) == "3, 4"
    assert front_page.several(range(9)) == "0 to 8"


def test_the_headline_is_the_paired_difference() -> None:
    """Differences 20 and 16 points: mean 18, and t(1) = 12.706 times 2.83 / sqrt(2) is 25.4."""
    metrics = frames.frame(
        frames.run("high_res_only", {0: 0.40, 1: 0.50}), frames.run("zowarmup", {0: 0.60, 1: 0.66})
    )
    texts = ("63.0 ± 4.2", "45.0 ± 7.1", "+18.0 [−7.4, +43.4]")
    compared = front_page.comparisons(m.final_rows(metrics))
    assert compared == {"digits, mlp": [("10/90", *texts, "2")]}
    verdicts = judge.judge(metrics, schema.read(workbench.PROJECT / "config/claims.yaml"))
    page = front_page.page("a & b", metrics, verdicts, {"commit": "0123456"})
    assert "<dd>a &amp; b</dd>" in page
    assert "At 10/90 ZOWarmUp reaches" in page
    assert all(f"<b>{text}" in page for text in texts)


def test_without_main_the_first_study_with_both_methods_is_compared() -> None:
    """Study S has no reference; at 50/50 of `pivot` two runs of ZOWarmUp share a seed."""
    both = ("high_res_only", "zowarmup")
    runs = [frames.run("zowarmup", {0: 0.9}, study="S", S=1)]
    runs += [
        frames.run(name, {0: 0.4, 1: 0.5}, study="pivot", split=split)
        for name in both
        for split in ("10/90", "50/50")
    ]
    runs += [frames.run("zowarmup", {0: 0.8}, study="pivot", split="50/50", pivot=30)]
    runs += [frames.run(name, {0: 0.2}, study="alpha") for name in both]
    metrics = frames.frame(*runs)
    compared = front_page.headline(m.final_rows(metrics))
    assert set(compared["study"]) == {"pivot"}
    [(line,)] = front_page.comparisons(compared).values()
    assert line[0] == "10/90"
    verdicts = judge.judge(metrics, schema.read(workbench.PROJECT / "config/claims.yaml"))
    page = front_page.page("", metrics, verdicts, {})
    assert "Final test accuracy in % in the study pivot, mean ±" in page
    alone = metrics[metrics["study"] == "S"]
    assert "reaches" not in front_page.page("", alone, verdicts, {})


def test_the_front_page_counts_verdicts_and_lists_what_would_decide() -> None:
    """Formulas and observations are counted apart; an undecided claim shows the seeds it needs."""
    metrics = frames.frame(
        frames.run("high_res_only", dict.fromkeys(range(10), 0.40)),
        frames.run("zowarmup", frames.numbered(0.40 + 0.05 * (s % 4 - 1) for s in range(10))),
    )
    verdicts = judge.judge(metrics, schema.read(workbench.PROJECT / "config/claims.yaml"))
    text = front_page.summary(verdicts)
    tested = verdicts["kind"].isin(schema.TESTED).sum()
    assert text.startswith(f"{tested} verdicts on claims: 0 supported, ")
    assert "; counted apart: 0 holds, 0 does not hold, 0 observed" in text
    [line] = [x for x in front_page.listed(verdicts, "inconclusive") if "10 % of" in x]
    assert re.search(r"n = 10, \d+ needed\)$", line)
