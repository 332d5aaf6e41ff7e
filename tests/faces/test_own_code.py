"""Every command on results with a network and methods of a user, also when the files are gone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import own_code
import pytest
import torch
import workbench
from commands import refused, zowarmup
from own_code import METHOD, NETWORK, RECORDED, replaced

CONFIG = f"""\
extends: {own_code.TINY}
engine: {{name: vmap}}
model: {{file: my_net.py, build: Net, hidden: 6}}
algorithms:
  mine: {{file: my_method.py, class: Mine, lr: 0.1, step: 0.5}}
  sent: {{file: my_records.py, class: Mine, lr: 0.03}}
methods:
  high_res_only: null
  zowarmup:
    label: Mine
    phases:
      - {{algorithm: mine, clients: high, rounds: 20}}
      - {{algorithm: sent, clients: all, rounds: 20}}
studies:
  main: {{methods: [zowarmup]}}
selection: {{grid: {{fedavg: [0.1]}}}}
"""
RUN, SNAPSHOT = "runs/zowarmup/0", "warmups/mine-high/0/snapshots/round-000020.safetensors"
FINAL, JOURNAL = f"{RUN}/final.safetensors", f"{RUN}/journal.jsonl"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a user with code, config and results of seed 0; not to be changed."""
    folder = tmp_path_factory.mktemp("user") / "work"
    own_code.write(folder, config=CONFIG)
    (folder / "my_records.py").write_text(RECORDED)
    with own_code.inside(folder):
        done = zowarmup("run", "mine.yaml", "--seed", "0")
    assert done.code == 0, done
    return folder


@pytest.fixture
def study(trained: Path, tmp_path: Path) -> Iterator[Path]:
    """The results of a copy, in whose folder the test works."""
    shutil.copytree(trained, tmp_path / "copy")
    with own_code.inside(tmp_path / "copy"):
        yield Path("results/tiny")


def test_commands_that_look(study: Path) -> None:
    for words, part in (
        (("plan", "mine.yaml", "--list"), "zowarmup"),
        (("plan", "mine.yaml", "--no-calibration"), "mine is assumed to cost like fedavg"),
        (("status", "mine.yaml", "--once"), "waiting"),
        (("status", study, "--once"), "done"),
        (("inspect", study / RUN), "Net on digits"),
        (("inspect", study / SNAPSHOT), "body.weight"),
        (("compare", study / RUN, study / SNAPSHOT), "body.weight"),
        (("replay", study / RUN, "--round", "30"), "30"),
        (("evaluate", study / RUN), "test"),
        (("verify", study, "--deep"), "all agree"),
        (("clean", "mine.yaml", "--dry-run"), "would remove"),
    ):
        said = zowarmup(*words)
        assert said.code == 0, said
        assert part in said.out, said.out


def test_an_export_is_the_state_dict_of_the_network(study: Path) -> None:
    assert zowarmup("export", study / FINAL, "w.pt").code == 0
    network = own_code.network(Path("my_net.py"), hidden=6)
    network.load_state_dict(torch.load("w.pt", weights_only=True))


def test_a_forecast_counts_a_network_that_makes_tensors_itself(study: Path) -> None:
    """Without data, whose values a count does not need."""
    text = replaced(NETWORK, "x.flatten(1))", "x.flatten(1) + torch.arange(64) / 64)")
    Path("my_net.py").write_text(text)
    said = zowarmup("plan", "mine.yaml", "--no-calibration")
    assert said.code == 0, said


@pytest.mark.parametrize(
    "command",
    [
        ("export", FINAL, "w.pt"),
        ("evaluate", FINAL),
        ("evaluate", RUN),
        ("replay", RUN, "--round", "30"),
    ],
)
def test_without_the_network_no_model_is_built(study: Path, command: tuple[str, ...]) -> None:
    """The sentence names the file, and the folder to which its path is relative."""
    Path("my_net.py").unlink()
    words = [study / word if word.startswith(("runs", "warm")) else word for word in command]
    said = f"my_net.py: No such file or directory in {Path.cwd()}; put it there, or give the path"
    refused(zowarmup(*words), said)


def test_without_the_method_no_round_is_replayed(study: Path) -> None:
    Path("my_records.py").unlink()
    refused(zowarmup("replay", study / RUN, "--round", "30"), "my_records.py: No such file")
    assert zowarmup("evaluate", study / FINAL).code == 0


@pytest.mark.parametrize("gone", ["my_net.py", "my_method.py", "my_records.py"])
def test_without_its_files_a_config_has_no_plan(study: Path, gone: str) -> None:
    Path(gone).unlink()
    for command in (("plan",), ("run",), ("status", "--once"), ("clean",)):
        said = zowarmup(command[0], "mine.yaml", *command[1:])
        refused(said, "mine.yaml: ", f"file: {gone}: No such file")


def test_another_network_in_the_file_is_seen(study: Path) -> None:
    Path("my_net.py").write_text(replaced(NETWORK, "hidden)\n", "hidden, bias=False)\n"))
    for words in (("evaluate", study / FINAL), ("export", study / FINAL, "w.pt")):
        refused(zowarmup(*words), "has parameter body.bias, the network lacks it; ")


def test_another_formula_makes_work_stale(study: Path) -> None:
    """Of the method alone, for it trains nothing else: the warm-up but not the other way round."""
    (study / RUN / "run.json").unlink()
    Path("my_records.py").write_text(replaced(RECORDED, "1e-3)", "1e-2)"))
    before = (study / JOURNAL).read_bytes()
    said = zowarmup("run", "mine.yaml", "--seed", "0")
    assert said.code == 0, said
    assert (study / JOURNAL).read_bytes() != before


@pytest.mark.parametrize("rounds", [0, 7, 19])
def test_a_killed_run_is_resumed_bit_for_bit(study: Path, rounds: int) -> None:
    """Cut off in the middle of a line of its journal."""
    before = workbench.contents(study / RUN)
    lines = (study / JOURNAL).read_bytes().splitlines(keepends=True)
    (study / JOURNAL).write_bytes(b"".join(lines[: 1 + rounds]) + lines[1 + rounds][:9])
    for file in ("run.json", "metrics.csv", "final.safetensors"):
        (study / RUN / file).unlink()
    assert zowarmup("run", "mine.yaml", "--seed", "0").code == 0
    assert workbench.contents(study / RUN) == before


def test_a_killed_warmup_is_resumed_bit_for_bit(study: Path) -> None:
    warmup = study / "warmups/mine-high/0"
    before = workbench.contents(warmup)
    for file in ("run.json", "metrics.csv", "snapshots/round-000020.safetensors"):
        (warmup / file).unlink()
    assert zowarmup("run", "mine.yaml", "--seed", "0").code == 0
    assert workbench.contents(warmup) == before


def test_two_processes_train_the_same(study: Path) -> None:
    """Each imports the user's files itself."""
    before = workbench.contents(study / RUN)
    shutil.rmtree(study / RUN)
    Path("mine.yaml").write_text(replaced(CONFIG, "name: vmap", "name: vmap, processes: 2"))
    assert zowarmup("run", "mine.yaml", "--seed", "0").code == 0
    assert workbench.contents(study / RUN) == before


def test_a_moved_project_keeps_its_results(study: Path) -> None:
    """Paths below the current folder are relative, in specs and in checkpoints."""
    assert zowarmup("evaluate", study / RUN).code == 0
    assert METHOD in Path("my_method.py").read_text()
    assert str(Path.cwd()) not in (study / RUN / "run.json").read_text()
