"""The packaging files agree with each other, and the lock names no machine's package source."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import zowarmup

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
FLOWER_LOCK = (ROOT / "requirements-flower.lock").read_text()
FLOWER = "flwr"  # no part of .venv, see requirements-flower.lock
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
DECLARED = [
    *PROJECT["dependencies"],
    *PROJECT["optional-dependencies"]["slurm"],
    *PYPROJECT["dependency-groups"]["dev"],
]


def pins(lock: str = LOCK) -> dict[str, list[str]]:
    """Name -> locked versions (more than one where Python versions need different ones)."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==([^ ]+)", lock, re.MULTILINE):
        found.setdefault(name, []).append(version)
    return found


def imports(*rooms: str) -> set[str]:
    """The distributions that the modules below these folders of the library import by name."""
    files = [path for room in rooms for path in (ROOT / "zowarmup" / room).rglob("*.py")]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text()))]
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    modules |= {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    names = (
        {module.partition(".")[0] for module in modules} - set(sys.stdlib_module_names) - {FLOWER}
    )
    owners = packages_distributions()
    return {canonicalize_name(owners[name][0]) for name in names - {"zowarmup"}}


def conda_pins(environment: str) -> set[str]:
    """Names that pip installs in one of the conda environments."""
    text = yaml.safe_load((ROOT / "envs" / f"{environment}.yaml").read_text())
    return {pin.partition("==")[0] for pin in text["dependencies"][-1]["pip"]}


@pytest.mark.parametrize("lock", [LOCK, FLOWER_LOCK], ids=["main", "flower"])
def test_every_pin_has_a_hash(lock):
    """A line that starts at the margin is a pin with an exact version, and a hash follows it."""
    entries = re.split(r"^(?=[^\s#])", lock, flags=re.MULTILINE)[1:]
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==[^ ]+ (; .+ )?\\\n    --hash=sha256:[0-9a-f]{64}", entry)


@pytest.mark.parametrize("trace", ["://", "index-url", "find-links", "file:", " @ ", "+cpu", "+cu"])
def test_lock_names_no_source(trace):
    """Where packages come from is the installing machine's business."""
    assert trace not in LOCK
    assert trace not in FLOWER_LOCK


def test_both_environments_have_the_versions_that_decide_bits():
    """Flower needs older versions of two packages, in which nothing is computed."""
    main, flower = pins(), pins(FLOWER_LOCK)
    differ = {name for name in main.keys() & flower.keys() if main[name] != flower[name]}
    assert differ <= {"rich", "certifi"}
    for text in PROJECT["optional-dependencies"]["flower"]:
        requirement = Requirement(text)
        assert all(v in requirement.specifier for v in flower[requirement.name])
        assert requirement.name not in main


@pytest.mark.parametrize("declared", DECLARED)
def test_lock_satisfies_the_declared_range(declared):
    requirement = Requirement(declared)
    versions = pins()[canonicalize_name(requirement.name)]
    assert all(version in requirement.specifier for version in versions)


def test_conda_environments_are_rendered_from_the_lock():
    command = [sys.executable, ROOT / "envs" / "render.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_whatever_is_imported_is_declared():
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert imports("") <= declared


ROOMS_OF_TRAINING = (
    *("common", "config", "plan", "data", "models", "algorithms"),
    *("runtime", "engines", "storage", "training", "jobs"),
)


def test_conda_environments_hold_what_their_rooms_import():
    assert imports(*ROOMS_OF_TRAINING) <= conda_pins("train")
    assert imports("common", "config", "plan", "analysis") <= conda_pins("analysis")
    assert "torch" not in conda_pins("analysis")


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert zowarmup.__version__ == PROJECT["version"] == citation["version"]
    assert f"## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text()


def test_citation_has_the_required_keys_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "license"} <= citation.keys()
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == [
        "Legate",
        "Rish",
        "Belilovsky",
    ]
    assert (paper["year"], paper["volume"], paper["start"], paper["end"]) == (2026, 330, 341, 357)


def test_licence_is_what_the_metadata_says():
    licence = (ROOT / "LICENSE").read_text()
    assert licence.startswith(f"{PROJECT['license']} License\n")
    assert "2026 the zowarmup developers" in licence


def test_default_profile_sets_only_what_no_other_profile_sets():
    """It overrides --profile key by key: any further key here would silently win over slurm's."""
    profile = yaml.safe_load((ROOT / "profiles" / "default" / "config.yaml").read_text())
    assert profile == {
        "rerun-triggers": ["mtime", "params", "input", "software-env"],
        "max-jobs-per-timespan": "500/5s",
    }
