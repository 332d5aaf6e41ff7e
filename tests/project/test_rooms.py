"""How the library is built: imports go one way, cheap jobs stay cheap, and files stay small."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import workbench

PACKAGE = workbench.PROJECT / "zowarmup"

# A room may import those before it, never those after it.
ROOMS = (
    *("common", "config", "plan", "data", "models", "algorithms", "runtime", "engines", "storage"),
    *("training", "jobs", "analysis", "forecast", "inspection", "flower"),
)

# What users and jobs start from may import any room, and no room imports it.
ENTRANCES = ("__init__", "__main__", "api", "cli", "notebook", "without_snakemake")

# What a room may import besides the standard library and the rooms before it.
OUTSIDE: dict[str, set[str]] = {
    "common": set(),
    "config": {"pydantic", "yaml"},
    "plan": {"pydantic"},
    "data": {"numpy", "pandas", "pydantic", "sklearn", "torchvision"},
    "models": {"torch"},
    "algorithms": {"torch", "pydantic"},
    "runtime": {"torch", "tqdm"},
    "engines": {"torch", "numpy"},
    "storage": {"torch", "safetensors", "pydantic"},
    "training": {"torch", "numpy", "pydantic"},
    "jobs": {"torch", "numpy"},
    "analysis": {
        "pandas",
        "numpy",
        "scipy",
        "matplotlib",
        "cycler",
        "jinja2",
        "tabulate",
        "pydantic",
        "yaml",
    },
    "forecast": {"torch", "numpy", "pandas", "rich", "tabulate", "tqdm"},
    "inspection": {"torch", "rich", "tabulate", "tqdm"},
    "flower": {"flwr", "torch", "numpy", "pydantic"},
}
LONGEST_FUNCTION, LONGEST_FILE = 40, 250

MODULES = sorted(PACKAGE.rglob("*.py"))
CODE = [*MODULES, *sorted(workbench.PROJECT.glob("workflow/scripts/*.py"))]


def name_of(file: Path) -> str:
    return str(file.relative_to(workbench.PROJECT))


def imports(file: Path) -> Iterator[str]:
    """Dotted names of everything that a file imports, also inside of functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            inside = node.module == "zowarmup"  # the names are modules then
            yield from (f"zowarmup.{a.name}" for a in node.names) if inside else [str(node.module)]


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_imports_go_one_way(file: Path) -> None:
    first = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    allowed = {*ROOMS} if first in ENTRANCES else {*ROOMS[: ROOMS.index(first) + 1]}
    for name in imports(file):
        if name.startswith("zowarmup."):
            room = name.split(".")[1]
            assert room in {*allowed, "__version__"} or first in ENTRANCES, (
                f"{first} imports {name}"
            )
        assert name != "zowarmup", f"{first} imports the whole package"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_needs_only_its_own_packages(room: str) -> None:
    for file in (PACKAGE / room).rglob("*.py"):
        for name in imports(file):
            top = name.partition(".")[0]
            known = top in sys.stdlib_module_names or top == "zowarmup" or top in OUTSIDE[room]
            assert known, f"{file.name} imports {top}"


def test_every_module_has_a_room() -> None:
    tops = {file.relative_to(PACKAGE).parts[0].removesuffix(".py") for file in MODULES}
    assert tops <= {*ROOMS, *ENTRANCES}


def test_the_digest_needs_no_package() -> None:
    """So that any Python can check which code made a result."""
    file = PACKAGE / "common" / "code_digest.py"
    assert {name.partition(".")[0] for name in imports(file)} <= sys.stdlib_module_names


# --- what is loaded in a process ------------------------------------------------------------


def loaded(program: str, *arguments: object) -> set[str]:
    """The modules that a fresh process has loaded once it has run a program."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules)", *map(str, arguments)],
        cwd=workbench.PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return set(done.stdout.split("\n")[-2].split())


def modules_of(*rooms: str) -> list[str]:
    files = [file for room in rooms for file in sorted((PACKAGE / room).rglob("*.py"))]
    names = [".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts) for file in files]
    return [name.removesuffix(".__init__") for name in names]


def test_the_analysis_never_loads_torch() -> None:
    seen = loaded(f"import {', '.join(modules_of('analysis'))}")
    assert "zowarmup.analysis.metrics" in seen
    assert "torch" not in seen


def test_reading_the_graph_loads_the_plan_alone() -> None:
    """Every job of a cluster reads it again; this is what rules/common.smk imports and calls."""
    source = (workbench.PROJECT / "rules" / "common.smk").read_text()
    lines = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    call = """
from zowarmup.plan.graph import Job
Workflow([sys.argv[1]], {}, sys.argv[2]).code(Job("warmup", "fedavg-high", "0"))
"""
    seen = loaded(
        "\n".join(lines) + call, workbench.PROJECT / "tests" / "tiny.yaml", workbench.PROJECT
    )
    rooms = {name.split(".")[1] for name in seen if name.startswith("zowarmup.")}
    assert rooms == {"common", "config", "plan"}
    assert not seen & {"torch", "numpy", "pandas", "matplotlib", "sklearn"}


def test_looking_how_far_jobs_are_needs_no_torch() -> None:
    """Somebody may look every minute, from a login node."""
    seen = loaded("from zowarmup.inspection import job_status, status_view")
    assert "zowarmup.inspection.job_status" in seen
    assert not seen & {"torch", "pandas", "matplotlib"}


def test_dealing_images_needs_no_torch() -> None:
    use = "from zowarmup.data import dataset_file\ndataset_file.load_source('digits')"
    seen = loaded(f"import {', '.join(modules_of('data'))}\n{use}")
    assert "sklearn" in seen
    assert "torch" not in seen


TWO_ROUNDS = """
import sys
from pathlib import Path
from zowarmup.config.phase_settings import PHASES
from zowarmup.jobs import train as job_train

folder, federation, dataset = map(Path, sys.argv[1:])
phases = [
    {"algorithm": "fedavg", "clients": "high", "rounds": 1, "lr": 0.1},
    {"algorithm": "zo", "clients": "all", "rounds": 1, "lr": 0.1},
]
job_train.train_run(
    {
        "phases": [PHASES[p["algorithm"]](**p).model_dump() for p in phases],
        "dataset": "digits",
        "federation": "default",
        "snapshot_every": 1,
        "model": "mlp",
        "width": 1.0,
        "split": "30/70",
        "engine": {
            "name": "batched", "device": "cpu", "threads": 1, "micro_batch": 64,
            "precision": "float32", "channels_last": False, "options": {},
        },
        "warmup": None,
        "evaluate_every": 1,
        "pin": {},
    },
    0,
    "code",
    data=dataset,
    federation=federation,
    selections=[],
    warmup=None,
    warmup_metrics=None,
    metrics=folder / "metrics.csv",
    run_record=folder / "run.json",
    final=folder / "final.safetensors",
)
"""


def test_a_training_process_loads_no_more_than_it_needs(tmp_path: Path) -> None:
    """Jobs are many and short: what none of them uses would cost seconds in each."""
    from zowarmup.data import dataset_file, federation

    data = dataset_file.load_source("digits", images_train=200, images_test=50)
    dataset_file.save(data, tmp_path / "dataset.npz")
    dealt = federation.build(data, clients=10, alpha=0.5, holdout=0.1, seed=0)
    federation.save(dealt, tmp_path / "federation.json")
    seen = loaded(TWO_ROUNDS, tmp_path, tmp_path / "federation.json", tmp_path / "dataset.npz")
    assert (tmp_path / "final.safetensors").exists()
    assert "torch" in seen
    unneeded = {"torchvision", "torch._dynamo", "sklearn", "pandas", "matplotlib", "snakemake"}
    assert not seen & unneeded


# --- size -----------------------------------------------------------------------------------


@pytest.mark.parametrize("file", CODE, ids=name_of)
def test_files_and_functions_are_short(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = lines_of_code(node)
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From the first line to the last, without the docstring."""
    first = function.body[0]
    prose = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if prose else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


@pytest.mark.parametrize("file", CODE, ids=name_of)
def test_every_file_says_what_it_is_for(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text()))
