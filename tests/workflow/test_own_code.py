"""A network and a method of a user's through the whole workflow, and what an edit makes again."""

import csv
from collections.abc import Callable
from pathlib import Path

import own_code
import pytest
import workbench
from own_code import METHOD, NETWORK
from workbench import edit, planned

# The sizes of config/smoke.yaml, on one seed.
CONFIG = """\
extends: ../tiny.yaml
name: own
seeds: 1
federations: {default: {clients: 20}}
rounds: {pivot: 8, total: 16}
evaluate_every: 4
snapshot_every: 4
engine: {name: vmap}
model: {file: my_net.py, build: Net}
algorithms:
  fedavg: {lr: 0.1}
  zo: {lr: 0.03}
  mine: {file: my_method.py, class: Mine}
selection: {grid: {fedavg: [0.1], zo: [0.1], mine: [0.03, 0.1]}}
methods:
  high_res_only: null
  zowarmup:
    label: ZOWarmUp
    phases:
      - {algorithm: fedavg, clients: high, until: pivot}
      - {algorithm: zo, clients: all, until: total}
  mine:
    label: Mine
    phases:
      - {algorithm: mine, clients: high, until: pivot}
      - {algorithm: zo, clients: all, until: total}
studies:
  main: {methods: [zowarmup, mine]}
figures: []
"""
CALL = ["main", "--configfile", "user/own.yaml"]
ROWS = {"collect_metrics": 1, "table": 1, "main": 1}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with a user's files in a folder of their own, and the results of their study."""
    folder = workbench.copy_project(tmp_path_factory.mktemp("own") / "project")
    own_code.write(folder / "user")
    (folder / "user/own.yaml").write_text(CONFIG)
    answer = workbench.snakemake(folder, "--cores", "2", *CALL)
    assert answer.code == 0, answer.text
    return folder


def test_the_table_compares_the_method_of_the_user(project: Path) -> None:
    with (project / "results/own/studies/main/tables/main.csv").open() as file:
        accuracies = {row["method"]: float(row["accuracy_mean"]) for row in csv.DictReader(file)}
    assert set(accuracies) == {"zowarmup", "mine"}
    assert min(accuracies.values()) > 0.1
    checks = sorted((project / "results/own/checks").glob("*/checked.json"))
    assert len(checks) == 2  # of the network alone, and with the method


def text(file: str, old: str, new: str) -> Callable[[Path], None]:
    return edit(f"user/{file}", old, new)


# The jobs that run again after a change of the method, or of the network.
OF_METHOD = {"check_own": 1, "select": 1, "warmup": 1, "train": 1, **ROWS}
OF_NETWORK = {"check_own": 2, "select": 1, "warmup": 2, "train": 2, **ROWS}

EDITS: dict[str, tuple[Callable[[Path], None], dict[str, int]]] = {
    "nothing": (lambda _: None, {}),
    "a comment in the network": (text("my_net.py", "class Net", "# Ours.\nclass Net"), {}),
    "a comment in the method": (text("my_method.py", "@dataclass", "# Ours.\n@dataclass"), {}),
    "the formula of the method": (
        text("my_method.py", "self.step * g", "self.step * g / 2"),
        OF_METHOD,
    ),
    "the formula of the network": (
        text("my_net.py", ".relu()", ".tanh()"),
        OF_NETWORK,
    ),
    "an argument of the network": (
        text("own.yaml", "build: Net", "build: Net, hidden: 9"),
        OF_NETWORK,
    ),
    "a setting of the method": (
        text("own.yaml", "class: Mine", "class: Mine, step: 0.5"),
        OF_METHOD,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_makes_again_what_it_decides(name: str, project: Path) -> None:
    change, rules = EDITS[name]
    change(project)
    try:
        [answer] = workbench.snakemake_many([(project, ["-n", *CALL])])
    finally:
        own_code.write(project / "user")
        (project / "user/own.yaml").write_text(CONFIG)
    assert planned(answer) == rules


def test_a_faulty_network_stops_before_any_job_trains(project: Path) -> None:
    """Its sentence stands on the terminal and in the log of the check."""
    edit("user/my_net.py", "return self", "return 1 / 0 * self")(project)
    try:
        answer = workbench.snakemake(project, "--cores", "2", *CALL)
    finally:
        own_code.write(project / "user", NETWORK, METHOD)
    assert answer.code != 0
    said = "user/my_net.py, line 12, in forward: 'return 1 / 0 * self.head(self.body(x.flatten(1))"
    assert said in answer.text
    assert "Traceback" not in answer.text
    logs = [file.read_text() for file in (project / "results/own/logs/check_own").glob("*.log")]
    assert any(said in log for log in logs)
    assert "rule warmup" not in answer.text
