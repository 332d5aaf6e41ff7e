"""docs/your-own.md, with its code as it stands on the page."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import workbench

PROJECT = workbench.PROJECT
PAGE = (PROJECT / "docs/your-own.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
EXAMPLE = "examples/your-own"
METHODS = {"high_res_only", "zowarmup", "zowarmup_momentum"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example and the other files of the page."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copytree(PROJECT / EXAMPLE, folder / EXAMPLE)
    for name, text in BLOCKS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def python(folder: Path, *arguments: str) -> str:
    """What a Python process prints that works in the folder."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=workbench.environment(PROJECT),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def last(rows: Path) -> pd.Series:
    """The last accuracy of each method, mean over the seeds."""
    table = pd.read_csv(rows)
    return table[table["round"] == table["round"].max()].groupby("method")["test_accuracy"].mean()


def test_the_example_is_the_code_of_the_page() -> None:
    files = {f"{EXAMPLE}/{name}" for name in ("my_net.py", "my_method.py", "config.yaml")}
    assert files == {name for name in BLOCKS if name.startswith(EXAMPLE)}
    for name in files:
        assert (PROJECT / name).read_text(encoding="utf-8") == BLOCKS[name]


def test_the_example_trains(folder: Path) -> None:
    """All three methods learn: the larger class has 63 % of the tumours."""
    python(folder, "-m", "zowarmup", "run", f"{EXAMPLE}/config.yaml")
    accuracy = last(folder / "results/your-own/selected-metrics.csv")
    assert set(accuracy.index) == METHODS
    assert accuracy["zowarmup_momentum"] > 0.7


def test_clients_and_tiers_from_a_function(folder: Path) -> None:
    """The federation holds the six clients of the function, and two of them are high-resource."""
    python(folder, "-m", "zowarmup", "run", "given.yaml")
    rows = pd.read_csv(folder / "results/given/selected-metrics.csv")
    assert set(rows["clients"]) == {6}
    assert set(rows["high_clients"]) == {2}


def test_the_network_of_a_library(folder: Path) -> None:
    output = "net((3, 9, 9), 7)(torch.ones(2, 3, 9, 9))"
    printed = python(folder, "-c", f"import torch; from resnet import net; print({output}.shape)")
    assert "[2, 7]" in printed


def test_the_notebook_of_the_page(folder: Path) -> None:
    printed = python(folder, "notebook.py")
    assert "test_accuracy" in printed
    assert float(printed.splitlines()[-1]) > 0.1
