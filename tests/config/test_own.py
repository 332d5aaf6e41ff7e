"""Code of a user in a config: where its file lies, its names, and what its text decides.

The digest of a job's code decides whether Snakemake runs it again, so formulas count and prose not.
"""

import json
from pathlib import Path

import own_code
import pytest
from own_code import CONFIG, METHOD, NETWORK, replaced

from zowarmup.common.code_digest import code_digest
from zowarmup.common.errors import UserError
from zowarmup.common.user_code import attribute, files_of
from zowarmup.config.own_paths import anchored
from zowarmup.plan import graph, own_work
from zowarmup.plan.plan import Plan, plan
from zowarmup.plan.specs import read_spec

NETWORKS = replaced(
    CONFIG,
    "model: {file: my_net.py, build: Net}",
    "networks: {mine: {file: my_net.py, build: Net, hidden: 5}}\nmodel: mine",
)
OTHER_NETWORK = "networks: {big: {file: big.py, build: Net}}\nmodel: big\n"


def refusal(config: Path, **overrides: object) -> str:
    with pytest.raises(UserError) as caught:
        plan([str(config)], overrides)
    return str(caught.value)


def sources(made: Plan) -> set[str]:
    """The entries of a plan's own networks and methods."""
    specs = [*made.training()]
    networks = {spec.network.source for spec in specs if spec.network}
    return networks | {phase.source for spec in specs for phase in spec.phases if phase.source}


# --- paths ----------------------------------------------------------------------------------


def test_a_file_lies_beside_the_config_that_names_it(tmp_path: Path) -> None:
    """Relative where the results may move with it, absolute for a config elsewhere."""
    config = own_code.write(tmp_path / "work")
    with own_code.inside(tmp_path / "work"):
        assert sources(plan(["mine.yaml"])) == {"my_net.py:Net", "my_method.py:Mine"}
        assert sources(plan([str(config)])) == {"my_net.py:Net", "my_method.py:Mine"}
    with own_code.inside(tmp_path):
        beside = {"work/my_net.py:Net", "work/my_method.py:Mine"}
        assert sources(plan(["work/mine.yaml"])) == beside
    absolute = {f"{tmp_path}/work/my_net.py:Net", f"{tmp_path}/work/my_method.py:Mine"}
    assert sources(plan([str(config)])) == absolute


def test_each_config_names_files_beside_itself(tmp_path: Path) -> None:
    """The one that is extended, and the one that extends it from another folder."""
    own_code.write(tmp_path / "base")
    (tmp_path / "top").mkdir()
    (tmp_path / "top/big.py").write_text(NETWORK)
    (tmp_path / "top/big.yaml").write_text(f"extends: ../base/mine.yaml\n{OTHER_NETWORK}")
    with own_code.inside(tmp_path):
        assert sources(plan(["top/big.yaml"])) == {"top/big.py:Net", "base/my_method.py:Mine"}
        (tmp_path / "top/second.yaml").write_text(OTHER_NETWORK)
        both = plan(["base/mine.yaml", "top/second.yaml"])
        assert sources(both) == {"top/big.py:Net", "base/my_method.py:Mine"}


def test_a_file_on_the_command_line_lies_in_the_current_folder(tmp_path: Path) -> None:
    """As Snakemake hands it on, with its numbers as texts."""
    own_code.write(tmp_path / "work", config=NETWORKS)
    (tmp_path / "big.py").write_text(NETWORK)
    with own_code.inside(tmp_path):
        network = {"file": "big.py", "build": "Net", "hidden": "7"}
        made = plan(["work/mine.yaml"], {"model": network})
        assert sources(made) == {"big.py:Net", "work/my_method.py:Mine"}
        spec = made.runs["mine"]
        assert spec.network
        assert spec.network.arguments == {"hidden": 7}


def test_paths_of_data_lie_beside_their_config_too(tmp_path: Path) -> None:
    content = {
        "datasets": {"own": {"files": ["a.npz", "/data/b.npz"], "folder": "x", "source": "f"}},
        "networks": {"n": {"file": "sub/../n.py", "build": "file"}},
    }
    with own_code.inside(tmp_path):
        data, network = anchored(content, tmp_path / "far").values()
    assert data["own"] == {"files": ["far/a.npz", "/data/b.npz"], "folder": "far/x", "source": "f"}
    assert network["n"] == {"file": "far/n.py", "build": "file"}


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("mine: {file: my_net.py", "mlp: {file: my_net.py", ["networks.mlp: ", "built-in mlp"]),
        ("  mine: {file", "  zo: {file", ["algorithms.zo: ", "built-in zo already"]),
        ("file: my_net.py", "file: net.py", ["networks.mine.file: net.py: No such file"]),
        ("file: my_net.py", "file: my_net.txt", ["networks.mine.file: my_net.txt: give a Python"]),
        ("file: my_net.py, ", "", ["networks.mine.file: "]),
        ("build: Net", "build: Nt", ["mine.build: my_net.py has no Nt; did you mean Net?"]),
        ("build: Net", "build: 'a b'", ["networks.mine.build: ", "name of a function or class"]),
        ("hidden: 5", "hidden: {a: 1}", ["networks.mine.hidden"]),
        ("model: mine", "model: mien", ["model: there is no mien; use one of mine, mlp"]),
        ("model: mine", "model: {file: my_net.py, build: mine}", ["networks.mine: the network in"]),
        ("model: mine", "model: {file: ~no/net.py, build: N}", ["~no/net.py: this user has"]),
        ("algorithm: mine", "algorithm: main", ["phases.0.algorithm: there is no main; use "]),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_used(old: str, new: str, parts: list[str], tmp_path: Path) -> None:
    own_code.write(tmp_path, config=replaced(NETWORKS, old, new))
    with own_code.inside(tmp_path):
        said = refusal(Path("mine.yaml"))
    for part in parts:
        assert part in said, said


def test_studies_vary_settings_and_networks_of_the_users(tmp_path: Path) -> None:
    grid = "grid: {model: [mine, mlp], mine.step: [0.5, 1.0]}, methods: [mine]"
    text = replaced(NETWORKS, "methods: [high_res_only, mine]", grid)
    made = own_code.planned(own_code.write(tmp_path, config=text))
    cells = {
        (spec.model, spec.network is None, spec.phases[0].settings["step"])
        for spec in made.runs.values()
    }
    assert cells == {(m, m == "mlp", step) for m in ("mine", "mlp") for step in (0.5, 1.0)}
    jobs = graph.graph(made)
    assert len([job for job in jobs if job.rule == "check_own"]) == 4


def test_a_study_varies_known_settings_alone(tmp_path: Path) -> None:
    for key, fault in (("mine.stepp", "mine.step"), ("mine.source", ""), ("mine.file", "")):
        grid = f"grid: {{{key}: [1.0]}}, methods: [mine]"
        text = replaced(NETWORKS, "methods: [high_res_only, mine]", grid)
        said = refusal(own_code.write(tmp_path, config=text))
        assert key in said
        assert fault in said


def test_rates_of_a_method_are_selected_from_its_grid(tmp_path: Path) -> None:
    text = replaced(NETWORKS, ", lr: 0.1", "") + "selection: {grid: {mine: [0.1, 0.3]}}\n"
    made = own_code.planned(own_code.write(tmp_path, config=text))
    assert made.selections["mine"].axes == {"1.lr": (0.1, 0.3)}
    assert "selection.grid" in refusal(
        own_code.write(tmp_path, config=replaced(NETWORKS, ", lr: 0.1", ""))
    )


# --- specs ----------------------------------------------------------------------------------


def test_built_in_runs_have_no_new_key() -> None:
    """A new key would make all earlier results stale."""
    for spec in plan([str(own_code.TINY)]).training():
        text = json.dumps(spec.model_dump(mode="json"))
        assert "network" not in text
        assert "source" not in text


def test_specs_of_own_code_come_back_from_json(tmp_path: Path) -> None:
    made = own_code.planned(own_code.write(tmp_path, config=NETWORKS))
    for spec in made.training():
        assert read_spec(json.loads(json.dumps(spec.model_dump(mode="json")))) == spec
        assert own_work.is_own(spec)


def test_a_trial_depends_on_nothing_that_its_jobs_do_not_depend_on(tmp_path: Path) -> None:
    """Not on rounds of metrics, pins and candidates."""
    checks = own_code.planned(own_code.write(tmp_path, config=NETWORKS)).own_checks
    more = "evaluate_every: 5\npin: {directions: 3}\nselection: {grid: {fedavg: [0.5]}}\n"
    assert own_code.planned(own_code.write(tmp_path, config=NETWORKS + more)).own_checks == checks
    other = own_code.planned(own_code.write(tmp_path, config=NETWORKS + "width: 1.5\n")).own_checks
    assert not set(other) & set(checks)


# --- the digest -----------------------------------------------------------------------------

SIBLING = (
    '"""Layers."""\n\nfrom pack.inner import gain\n\n\ndef act(x):\n    return gain * x.relu()\n'
)
ACT = "act(self.body(x.flatten(1)))"
FORWARD = "    def forward(self, x):\n"
IMPORTING = replaced(
    replaced(NETWORK, "import torch\n", "import torch\nfrom layers import act\n"),
    "self.body(x.flatten(1)).relu()",
    ACT,
)
UNUSED = "def other():\n    return 1\n"


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """A folder with a network that imports a sibling, which imports from a package beside it."""
    own_code.write(tmp_path, network=IMPORTING, config=NETWORKS)
    for name, text in {
        "layers.py": SIBLING,
        "unused.py": UNUSED,
        "pack/__init__.py": "",
        "pack/inner.py": "from .numbers import two\nfrom . import more\n\ngain = two / more.one\n",
        "pack/numbers.py": "two = 2.0\n",
        "pack/more.py": "one = 1.0\n",
        "pack/never.py": UNUSED,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def digests(user: Path) -> tuple[str, str]:
    """Of the jobs that train the network with the method, and of those of FedAvg."""
    made = own_code.planned(user / "mine.yaml")
    mine, fedavg = made.warmups["mine-all"], made.warmups["fedavg-high"]
    return code_digest(graph.modules(mine)), code_digest(graph.modules(fedavg))


def test_every_file_behind_an_import_counts(user: Path) -> None:
    names = {str(file.relative_to(user)) for file in files_of(user / "my_net.py")}
    pack = {f"pack/{name}.py" for name in ("__init__", "inner", "numbers", "more")}
    assert names == {"my_net.py", "layers.py", *pack}


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("my_net.py", "class Net", "# A comment.\nclass Net", (False, False)),
        ("my_net.py", FORWARD, f'{FORWARD}        """Doc."""\n', (False, False)),
        ("my_net.py", ACT, "act( self.body(x.flatten(1)) )", (False, False)),
        ("my_net.py", ACT, "act(self.body(x.flatten(1))) / 2", (True, True)),
        ("layers.py", "Layers.", "Layers of the network.", (False, False)),
        ("layers.py", "gain * x", "2 * gain * x", (True, True)),
        ("pack/numbers.py", "2.0", "3.0", (True, True)),
        ("pack/more.py", "1.0", "3.0", (True, True)),
        ("pack/__init__.py", "", "import os\n", (True, True)),
        ("unused.py", "return 1", "return 2", (False, False)),
        ("pack/never.py", "return 1", "return 2", (False, False)),
        ("my_method.py", "self.step * g", "self.step * g * 2", (True, False)),
        ("my_method.py", "@dataclass", "# A comment.\n@dataclass", (False, False)),
    ],
)  # fmt: skip
def test_formulas_change_the_digest_and_prose_does_not(
    file: str, old: str, new: str, changed: tuple[bool, bool], user: Path
) -> None:
    before = digests(user)
    (user / file).write_text(replaced((user / file).read_text(), old, new))
    assert tuple(a != b for a, b in zip(before, digests(user), strict=True)) == changed


def test_a_digest_holds_what_the_package_gives_to_the_users_file(tmp_path: Path) -> None:
    """The method imports FedAvg's report, which built-in jobs of another method do not run."""
    importing, plain = tmp_path / "a.py", tmp_path / "b.py"
    importing.write_text("from zowarmup.algorithms.fedkseed import FedKSeed\n")
    plain.write_text("from zowarmup.algorithms.zo import ZO\n")
    names = ["zowarmup.algorithms.fedkseed", str(plain)]
    assert code_digest([str(importing)]) != code_digest([str(plain)])
    assert code_digest([str(importing), str(plain)]) != code_digest(names)


def test_a_changed_sibling_is_imported_anew(user: Path) -> None:
    """In one process, as in a notebook."""
    assert attribute(user / "layers.py", "gain") == 2.0
    (user / "pack/numbers.py").write_text("two = 4.0\n")
    assert attribute(user / "layers.py", "gain") == 4.0


def test_siblings_of_one_name_in_two_folders_are_two(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "layers_of.py").write_text(f"home = {name!r}\n")
        (tmp_path / name / "net.py").write_text("from layers_of import home\n")
    homes = [attribute(tmp_path / name / "net.py", "home") for name in ("a", "b")]
    assert homes == ["a", "b"]
    (tmp_path / "a/net.py").write_text("from layers_of import home as h\n\nhome = h.upper()\n")
    assert attribute(tmp_path / "a/net.py", "home") == "A"


def test_a_method_may_inherit_its_fields(tmp_path: Path) -> None:
    """From a class beside it or of this project."""
    (tmp_path / "base.py").write_text(METHOD)
    child = (
        "from dataclasses import dataclass\n\nfrom base import Mine\n\n\n"
        "@dataclass(frozen=True)\nclass Child(Mine):\n    more: float = 2.0\n"
    )
    text = replaced(CONFIG, "class: Mine", "class: Child, step: 0.5, more: 3.0")
    made = own_code.planned(own_code.write(tmp_path, method=child, config=text))
    settings = made.runs["mine"].phases[0].settings
    assert settings == {"lr": 0.1, "step": 0.5, "more": 3.0}
