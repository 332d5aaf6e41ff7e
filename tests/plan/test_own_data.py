"""Data of the user's own that change: what recreates a data set, and what a run of them holds."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from commands import TINY, refused, zowarmup

from zowarmup.config import datasets
from zowarmup.inspection.inspect import inspect
from zowarmup.jobs import dataset
from zowarmup.plan import source_record
from zowarmup.plan.workflow import Workflow

DATA = Path("results/tiny/datasets/digits/dataset.npz")
HEADER = "age,bmi,hospital,tier,y\n"
KINDS = {
    "table": "{table: survey.csv, label: y, client: hospital, tier: tier, test_table: later.csv}",
    "folder": "{folder: pictures}",
    "file": "{file: my_data.py, load: make, files: [raw.bin]}",
}
CODE = """
import numpy as np
from beside import FACTOR

def make(files):
    x = FACTOR * np.frombuffer(files[0].read_bytes(), np.uint8).reshape(40, 4).astype(float)
    y = np.arange(40) % 2
    clients = np.arange(30) % 3
    return dict(x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:], client_train=clients)
"""


def table(file: str, rows: int, step: int = 1) -> None:
    lines = [
        f"{i * step % 17},{i % 5},{i % 4},{'high' if i % 4 == 2 else 'low'},{i % 2}"
        for i in range(rows)
    ]
    Path(file).write_text(HEADER + "\n".join(lines))


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data of each kind in the working folder."""
    monkeypatch.chdir(tmp_path)
    table("survey.csv", 60)
    table("later.csv", 10)
    for name in ("cat", "dog"):
        for i in range(4):
            image = Path("pictures", name, f"{i}.pgm")
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(b"P5 6 6 255\n" + bytes((36 * i + j) % 251 for j in range(36)))
    Path("raw.bin").write_bytes(bytes(range(160)))
    Path("my_data.py").write_text(CODE)
    Path("beside.py").write_text("FACTOR = 2\n")


def configure(kind: str, clients: str = "clients: 3, alpha: 1.0", split: str = "34/66") -> str:
    text = TINY.read_text().replace(
        "{source: digits, images_train: 300, images_test: 60}", KINDS[kind]
    )
    text = text.replace("clients: 10, alpha: 0.5", clients).replace("30/70", split)
    text = text.replace("fedavg: {lr: select,", "fedavg: {lr: 0.1,")
    Path("mine.yaml").write_text(text.replace(", lr: {same_as: high_res_only}", ""))
    return "mine.yaml"


def made(kind: str) -> datasets.AnyDataset:
    """Make a data set as its job does; return its settings."""
    work = Workflow([configure(kind)], {}, str(TINY.parents[1]))
    settings = work.config.datasets["digits"]
    DATA.parent.mkdir(parents=True)
    dataset.make(settings, source_record.compared(DATA, settings), DATA)
    return settings


def append(file: str, text: bytes) -> Callable[[], None]:
    return lambda: Path(file).write_bytes(Path(file).read_bytes() + text) and None


CHANGES: dict[str, tuple[str, Callable[[], object]]] = {
    "a row": ("table", append("survey.csv", b"\n1,1,1,low,1")),
    "a test row": ("table", append("later.csv", b"\n1,1,1,low,1")),
    "an image": ("folder", append("pictures/cat/1.pgm", b"x")),
    "one more image": ("folder", lambda: Path("pictures/cat/9.pgm").write_bytes(b"P5 6 6 255\n")),
    "one image less": ("folder", lambda: Path("pictures/cat/3.pgm").unlink()),
    "another name": ("folder", lambda: Path("pictures/dog").rename("pictures/eel")),
    "a named file": ("file", append("raw.bin", b"x")),
}
KEPT: dict[str, tuple[str, Callable[[], object]]] = {
    "nothing": ("table", lambda: None),
    "a touched table": ("table", lambda: Path("survey.csv").touch()),
    "no table": ("table", lambda: Path("survey.csv").unlink()),
    "another file": ("folder", lambda: Path("pictures/cat/notes.txt").touch()),
    "no folder": ("folder", lambda: Path("pictures").rename("elsewhere")),
    "a file that no key names": ("file", lambda: Path("other.bin").touch()),
}


@pytest.mark.parametrize("case", CHANGES)
def test_other_contents_recreate_the_data_set(case: str) -> None:
    kind, change = CHANGES[case]
    settings = made(kind)
    before = source_record.compared(DATA, settings)
    assert source_record.replaced(DATA, settings) == ""
    change()
    assert source_record.compared(DATA, settings) != before
    assert "it was not made from the present contents of" in source_record.replaced(DATA, settings)
    assert "it was not made from" in source_record.replaced(DATA)


@pytest.mark.parametrize("case", KEPT)
def test_other_changes_recreate_nothing(case: str) -> None:
    kind, change = KEPT[case]
    settings = made(kind)
    before = source_record.compared(DATA, settings)
    change()
    assert source_record.compared(DATA, settings) == before
    assert source_record.replaced(DATA, settings) == source_record.replaced(DATA) == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "same"),
    [
        ("my_data.py", "FACTOR * np", "FACTOR + np", False),
        ("beside.py", "2", "3", False),
        ("my_data.py", "    y = ", "    # A comment.\n    y = ", True),
        ("beside.py", "FACTOR = 2", '"""What it is."""\n\nFACTOR = 2', True),
    ],
)
def test_the_code_of_a_function_counts(file: str, old: str, new: str, same: bool) -> None:
    settings = made("file")
    work = Workflow(["mine.yaml"], {}, str(TINY.parents[1]))
    job = work.job("dataset", {"name": "tiny", "dataset": "digits"})
    before = work.code(job)
    Path(file).write_text(Path(file).read_text().replace(old, new))
    assert (work.code(job) == before) is same
    said = source_record.replaced(DATA, settings)
    assert said == ("" if same else f"{DATA}: it was not made by the present code of my_data.py")


def test_other_settings_are_named() -> None:
    made("table")
    assert source_record.reconfigured(DATA, datasets.read({"source": "digits"})) == (
        f"{DATA}: it was made with data of survey.csv, but the config says digits"
    )
    other = datasets.read({"table": "moved.csv", "label": "bmi", "client": "hospital"})
    assert "it was made with label y, but the config says bmi" in (
        source_record.reconfigured(DATA, other)
    )


def test_inspect_shows_the_files_of_a_data_set() -> None:
    made("table")
    facts = inspect(DATA)
    assert facts["source"] == "survey.csv"
    assert [row["file"] for row in facts["made_from"]] == ["survey.csv", "later.csv"]
    assert facts["input"] == [2]


def test_a_run_of_given_clients(tmp_path: Path) -> None:
    """Rows have the number of clients of the data, and no alpha; a changed table stops a run."""
    command = ("run", configure("table", "clients: given", "given"), "--run", "high_res_only")
    assert zowarmup(*command, "--seed", "0").code == 0
    rows = pd.read_csv("results/tiny/selected-metrics.csv")
    assert rows[["clients", "high_clients", "split"]].iloc[-1].tolist() == [4, 1, "given"]
    assert rows["alpha"].isna().all()
    assert inspect("results/tiny/federations/default/0")["clients"] == 4
    append("survey.csv", b"\n1,1,1,low,1")()
    refused(zowarmup(*command, "--seed", "0"), "not made from the present contents of survey.csv")


@pytest.mark.parametrize(
    ("kind", "clients", "split", "lines"),
    [
        ("table", "clients: given", "given", "4 federation"),
        ("folder", "clients: 3, alpha: 1.0", "34/66", "dataset"),
        ("file", "clients: given", "34/66", "dataset"),
    ],
)
def test_the_forecast_reads_the_data(kind: str, clients: str, split: str, lines: str) -> None:
    said = zowarmup("plan", configure(kind, clients, split), "--no-calibration")
    assert said.code == 0, said
    assert "FLOP by job" in said.out


def test_the_forecast_says_what_the_data_do_not() -> None:
    refused(
        zowarmup("plan", configure("file", "clients: given", "given"), "--no-calibration"), "split"
    )
