"""docs/adding-a-method.md, followed to the letter in a copy of the project."""

import csv
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
import workbench
from toys import dealt

PAGE = (workbench.PROJECT / "docs/adding-a-method.md").read_text()
BLOCKS = [textwrap.dedent(text) for text in re.findall(r"```(?:python|yaml)\n(.*?)```", PAGE, re.S)]


def file_and_text(block: str) -> tuple[str, str]:
    """A block of the page that begins with the name of the file it is."""
    first, _, text = block.partition("\n")
    return first.removeprefix("# "), text


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the method of the page."""
    folder = workbench.copy_project(tmp_path_factory.mktemp("added") / "project")
    algorithm, entry, config = BLOCKS
    for block in (algorithm, config):
        name, text = file_and_text(block)
        (folder / name).write_text(text)
    registry = folder / "zowarmup/config/registry.py"
    head, start, rest = registry.read_text().partition("ALGORITHMS = {\n")
    registry.write_text(head + start + "    " + entry.strip() + "\n" + rest)
    return folder


def accuracies(rows: Path, column: str) -> dict[str, float]:
    """The last accuracy of each method in a table of rows."""
    with rows.open() as file:
        return {row["method"]: float(row[column]) for row in csv.DictReader(file)}


METHODS = {"high_res_only", "zowarmup", "zowarmup_momentum"}


def test_the_page_adds_a_method(project: Path) -> None:
    """The workflow plans its jobs, and without Snakemake it trains to an accuracy above chance."""
    config = "config/fedavgm.yaml"
    [answer] = workbench.snakemake_many([(project, ["--dry-run", "--configfile", config])])
    assert workbench.planned(answer)["warmup"] > 0
    subprocess.run(
        [sys.executable, "-m", "zowarmup", "run", config],
        cwd=project,
        env=workbench.environment(project),
        check=True,
    )
    last = accuracies(project / "results/fedavgm/selected-metrics.csv", "test_accuracy")
    assert set(last) == METHODS
    assert last["zowarmup_momentum"] > 0.1
    snapshots = project / "results/fedavgm/warmups/fedavgm-high-10-90/0/snapshots"
    assert (snapshots / "round-000008.safetensors").is_file()


@pytest.mark.long
def test_the_workflow_puts_the_method_of_the_page_into_its_table(project: Path) -> None:
    answer = workbench.snakemake(project, "--cores", "2", "--configfile", "config/fedavgm.yaml")
    assert answer.code == 0, answer.text
    table = accuracies(project / "results/fedavgm/tables/main.csv", "accuracy_mean")
    assert set(table) == METHODS
    assert table["zowarmup_momentum"] > 0.1


def test_the_method_of_the_page_without_momentum_is_fedavg(project: Path) -> None:
    """What the page tells its reader to test, with the class as it stands there."""
    from zowarmup.algorithms.fedavg import FedAvg
    from zowarmup.algorithms.rounds import Cohort
    from zowarmup.common.seeds import Seeds
    from zowarmup.engines.plain import Plain
    from zowarmup.models.flat import FlatModel
    from zowarmup.models.mlp import mlp

    names: dict[str, object] = {}
    exec(compile(file_and_text(BLOCKS[0])[1], "fedavgm.py", "exec"), names)
    with torch.device("meta"):
        model = FlatModel(mlp((1, 4, 4), 3))
    data = [(torch.linspace(-1, 1, 16 * n).view(n, 1, 4, 4), torch.arange(n) % 3) for n in (5, 7)]
    engine, w = Plain(model, dealt(data), micro_batch=8), model.initial(0)
    cohort, seeds = Cohort((0, 1), (5, 7)), Seeds(0, 0, 0)

    def after(method: object) -> torch.Tensor:
        state = method.begin(w)
        for t in (1, 2):
            state, _ = method.round(state, t, cohort, engine, seeds)
        return state.w

    plain = after(FedAvg(lr=0.1, epochs=1, batch=4))
    still = after(names["FedAvgM"](lr=0.1, epochs=1, batch=4, momentum=0.0))
    moved = after(names["FedAvgM"](lr=0.1, epochs=1, batch=4, momentum=0.9))
    assert torch.equal(plain, still)
    assert not torch.equal(plain, moved)
