"""The digest of code: blind to prose, equal on every Python, and of what a job runs and no more."""

import ast
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import workbench

from zowarmup.common import code_digest as provenance
from zowarmup.common.code_digest import code_digest
from zowarmup.config import registry, tables_and_figures

MODULE = Path(provenance.__file__)
VERSIONS = ("3.11", "3.12", "3.13")

# Everything whose tree differs between versions of Python: f-strings, type parameters, star
# expressions in subscripts, empty fields, positions, kinds of strings, docstrings of all sorts.
SOURCE = '''"""A module."""
from __future__ import annotations

import a.b as c
from d import e


@c.wrapped
class K(c.Base, metaclass=e):
    """A class."""

    x: int = 1_000
    y: str = u"text" "and more"

    async def f(self, /, p: list[int], *args: int, q: float = 1e-4, **rest) -> None:
        """A function."""
        async with p as one, q as (two, three):
            yield [z async for z in two if z]
        r = "a" f"{p!r:>{q}} and {{}} {rest['a']}" "b" + rb"\\x00".decode()
        return lambda s=..., *, t=None: (s, t, *args)


def g(*args: *tuple[int, ...]):
    "One line."
    try:
        (n := 10**30), 0.1, 1j, -0.0, None, True
        match n:
            case {"a": [1, *_], **rest} | K(x=2) if rest:
                global h
        del args[1:2, ::3]
    except* (ValueError, TypeError) as error:
        raise RuntimeError from error
    else:
        pass


def only_a_docstring():
    """Nothing else."""
'''
TABLES = (registry.ALGORITHMS, registry.NETWORKS, registry.ENGINES, tables_and_figures.FIGURES)
# It changes only with the way of digesting, which makes everybody's results be made again.
GOLDEN = "7aa13d8f942583aa"

PROSE = {
    "a docstring": ('"""A module."""', '"""Another."""'),
    "no docstring": ('"""A function."""\n', "\n"),
    "a longer docstring": ('"One line."', '"""One line\n\n    and another.\n    """'),
    "a comment": ("class K", "# What K is for.\nclass K"),
    "brackets": ('r = "a"', 'r = ("a"'),
    "line breaks": ("def g(*args: *tuple[int, ...]):", "def g(\n    *args: *tuple[int, ...],\n):"),
    "quotes": ('"text"', "'text'"),
    "digits of a number": ("1_000", "1000"),
    "notation of a number": ("1e-4", "0.0001"),
    "a prefix without meaning": ('u"text"', '"text"'),
}
MEANING = {
    "an operator": ("10**30", "10*30"),
    "a constant": ("1_000", "1_001"),
    "a type of a constant": ("x=2", "x=2.0"),
    "a sign": ("-0.0", "0.0"),
    "a text": ('"and more"', '"and less"'),
    "the kind of a text": ('rb"', 'r"'),
    "a name": ("import a.b as c", "import a.b as d"),
    "a default": ("t=None", "t=False"),
    "no default": ("t=None", "t"),
    "the order": ("one, q as", "q, one as"),
    "what an f-string formats": ("{p!r:>", "{p!s:>"),
    "a decorator": ("@c.wrapped\n", ""),
    "an import": ("from d import e", "from d import e, f"),
    "a level of import": ("from d import e", "from .d import e"),
    "an annotation": ("q: float", "q: int"),
    "a text that is no docstring": ("    else:\n        pass", '    else:\n        "pass"'),
}


def modules(table: Mapping[str, str]) -> list[str]:
    return [registry.module_of(entry) for entry in table.values()]


def changed(old: str, new: str) -> str:
    assert SOURCE.count(old) == 1, old
    text = SOURCE.replace(old, new)
    return text.replace(".decode()", ".decode())") if new == 'r = ("a"' else text


def source_digest(source: str) -> str:
    """Of a text that is in no file."""
    return hashlib.sha256(provenance._plain(ast.parse(source)).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", PROSE)
def test_prose_does_not_count(name: str) -> None:
    assert source_digest(changed(*PROSE[name])) == source_digest(SOURCE)


@pytest.mark.parametrize("name", MEANING)
def test_meaning_counts(name: str) -> None:
    assert source_digest(changed(*MEANING[name])) != source_digest(SOURCE)


def test_every_change_gives_its_own_digest() -> None:
    texts = [SOURCE, *(changed(*change) for change in MEANING.values())]
    assert len({source_digest(text) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f():\n    return None", "def f():\n    return"),
        ("x = None", "x: None"),
        ("f(None)", "f()"),
        ("x = []", "x = ()"),
        ("x[:]", "x[None:]"),
        ("{**a}", "{None: a}"),
        ("lambda *, a: 0", "lambda *, a=None: 0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("if a:\n    b\nelse:\n    c", "if a:\n    b\nc"),
    ],
)
def test_nothing_is_something_else_than_none(one: str, other: str) -> None:
    assert source_digest(one) != source_digest(other)


# --- every Python ---------------------------------------------------------------------------


def test_golden_digest() -> None:
    assert source_digest(SOURCE) == GOLDEN


def pythons() -> dict[str, Path]:
    """The interpreters of other versions on this machine, by version."""
    found = {}
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    folders += sorted(Path.home().glob(".pyenv/versions/*/bin"))
    for version in VERSIONS:
        for folder in folders:
            python = folder / f"python{version}"
            # pyenv's shims run only versions that are chosen somewhere
            if python.is_file() and "shims" not in python.parts:
                found[version] = python
    return found


def digests_by(python: Path, source: Path) -> list[str]:
    """Of the text above and of everything that is digested in this project, without packages."""
    names = sorted({module for table in TABLES for module in modules(table)})
    program = (
        "import json, runpy, sys\n"
        "path, source, names = json.load(sys.stdin)\n"
        "module = runpy.run_path(path)\n"
        "print(module['code_digest']([], source), *(module['code_digest']([n]) for n in names))"
    )
    done = subprocess.run(
        [str(python), "-I", "-S", "-c", program],
        input=json.dumps([str(MODULE), str(source), names]),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize("version", VERSIONS)
def test_other_pythons_agree(version: str, tmp_path: Path) -> None:
    if version not in pythons():
        pytest.skip(f"NOT CHECKED: there is no python{version} here to compare digests with")
    source = tmp_path / "source.py"
    source.write_text(SOURCE)
    found = digests_by(pythons()[version], source)
    assert found[0] == GOLDEN
    assert len(found) > 8
    assert found == digests_by(Path(sys.executable), source)


# --- what is in a digest --------------------------------------------------------------------

# Edits one module of a copy and says which digests that changes: of jobs, and of all modules.
PROGRAM = """
import json, pathlib, sys
from zowarmup.common import code_digest as provenance
from zowarmup.config import registry
from zowarmup.common.code_digest import code_digest

edits, jobs = json.load(sys.stdin)
assert str(provenance.ROOT.parent) == str(pathlib.Path.cwd()), provenance.ROOT
digests = lambda: {
    name: code_digest(modules, f"workflow/scripts/{script}.py")
    for name, (script, modules) in jobs.items()
}


def by_content(function):
    answers = {}

    def remembered(file):
        content = file.read_bytes()
        if content not in answers:
            answers[content] = function(file)
        return answers[content]

    return remembered


for name in ("_tree", "_imports", "_text"):  # they remember files by name, and files change here
    setattr(provenance, name, by_content(getattr(provenance, name).__wrapped__))
before, answers = digests(), {}
for file, addition in edits:
    path = pathlib.Path(file)
    old = path.read_text()
    path.write_text(old + addition)
    after = digests()
    path.write_text(old)
    answers[file + addition] = sorted(name for name in jobs if after[name] != before[name])
json.dump(answers, sys.stdout)
"""
BASE = ["zowarmup.models.mlp", "zowarmup.engines.batched"]
FEDAVG, ZO = ["zowarmup.algorithms.fedavg", *BASE], ["zowarmup.algorithms.zo", *BASE]
HETEROFL = ["zowarmup.algorithms.heterofl", *BASE]
ZO_ADAM = ["zowarmup.algorithms.zo_adam", *BASE]
JOBS = {
    "dataset": ("dataset", []),
    "federation": ("federation", []),
    "warmup": ("warmup", FEDAVG),
    "select fedavg": ("select", FEDAVG),
    "select zo": ("select", ZO),
    "train zo": ("train", ZO),
    "train fedavg": ("train", FEDAVG),
    "train heterofl": ("train", HETEROFL),
    "train zo_adam": ("train", ZO_ADAM),
    "collect_metrics": ("collect_metrics", []),
    "table": ("table", ["zowarmup.analysis.tables.studies"]),
}
ALL_THAT_TRAIN = [
    "select fedavg", "select zo", "train fedavg", "train heterofl", "train zo", "train zo_adam",
    "warmup",
]  # fmt: skip
ONE_MORE = "\nx = 1\n"
CLOSURES = {
    "zowarmup/algorithms/zo.py": ["select zo", "train zo", "train zo_adam"],
    "zowarmup/algorithms/zo_adam.py": ["train zo_adam"],
    "zowarmup/algorithms/zo_local.py": [],
    "zowarmup/algorithms/adam.py": ["train zo_adam"],
    "zowarmup/algorithms/heterofl.py": ["train heterofl"],
    "zowarmup/algorithms/fedavg.py": ["select fedavg", "train fedavg", "train heterofl", "warmup"],
    "zowarmup/algorithms/average.py": ["select fedavg", "train fedavg", "train heterofl", "warmup"],
    "zowarmup/algorithms/rounds.py": ALL_THAT_TRAIN,
    "zowarmup/models/directions.py": ALL_THAT_TRAIN,
    "zowarmup/models/mlp.py": ALL_THAT_TRAIN,
    "zowarmup/models/cnn.py": [],
    "zowarmup/engines/plain.py": [],
    "zowarmup/engines/stacked.py": ALL_THAT_TRAIN,
    "zowarmup/training/loop.py": ALL_THAT_TRAIN,
    "zowarmup/training/costs.py": ALL_THAT_TRAIN,
    "zowarmup/training/evaluate.py": ALL_THAT_TRAIN,
    "zowarmup/common/seeds.py": ["collect_metrics", "dataset", "federation", *ALL_THAT_TRAIN],
    "zowarmup/plan/plan.py": [],
    "zowarmup/plan/resolve.py": [],
    "zowarmup/config/registry.py": [],
    "zowarmup/config/phase.py": [],
    "zowarmup/config/phase_settings.py": [],
    "zowarmup/data/sources/load.py": ["collect_metrics", "dataset", "federation", *ALL_THAT_TRAIN],
    "zowarmup/analysis/collect/rows.py": ["collect_metrics"],
    "zowarmup/analysis/tables/studies.py": ["table"],
    "zowarmup/analysis/tables/costs.py": [],
    "workflow/scripts/train.py": ["train fedavg", "train heterofl", "train zo", "train zo_adam"],
}


@pytest.fixture(scope="module")
def changed_by(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The jobs whose digest changes with each file, found in a copy of the package."""
    copy = workbench.copy_project(tmp_path_factory.mktemp("digests") / "copy")
    edits = [(file, addition) for file in CLOSURES for addition in (ONE_MORE, "\n# Prose.\n")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=copy,
        env=workbench.environment(copy),
        input=json.dumps([edits, JOBS]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("file", CLOSURES)
def test_an_edit_changes_the_digests_of_what_runs_it(
    file: str, changed_by: dict[str, list[str]]
) -> None:
    assert changed_by[file + ONE_MORE] == sorted(CLOSURES[file])
    assert changed_by[file + "\n# Prose.\n"] == []


@pytest.mark.parametrize(
    "line", ["from zowarmup.algorithms import zo", "import zowarmup.algorithms.zo as zo"]
)
def test_imports_inside_of_functions_count(tmp_path: Path, line: str) -> None:
    """A script that imports a module has the digest that naming the module gives it."""
    script, other = tmp_path / "script.py", tmp_path / "other.py"
    script.write_text(f"def f():\n    {line}\n")
    other.write_text("def f():\n    pass\n")
    assert code_digest(["zowarmup.algorithms.zo"], script) == code_digest([], script)
    assert code_digest(["zowarmup.algorithms.zo"], other) != code_digest([], other)


def test_a_template_counts_with_the_module_that_renders_it(tmp_path: Path) -> None:
    copy = workbench.copy_project(tmp_path / "copy")
    program = (
        "from zowarmup.common.code_digest import code_digest as d\nprint(*map(d, [['{}'], ['{}']]))"
    )
    module = "zowarmup.analysis.claims"
    command = [sys.executable, "-c", program.format(f"{module}.write", f"{module}.judge")]
    digests = []
    for addition in ("", "<!-- changed -->"):
        template = copy / "zowarmup/analysis/templates/claims.html"
        template.write_text(template.read_text() + addition)
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=True)
        digests.append(done.stdout.split())
    assert digests[0][0] != digests[1][0]
    assert digests[0][1] == digests[1][1]


def test_the_order_in_which_modules_are_named_does_not_count() -> None:
    assert code_digest(ZO) == code_digest(reversed(ZO))


def test_packages_hold_no_code_that_a_digest_would_miss() -> None:
    """A digest leaves the `__init__` of packages out, so nothing but a version may stand there."""
    for file in workbench.PROJECT.glob("zowarmup/**/__init__.py"):
        for node in ast.parse(file.read_text()).body:
            text = ast.unparse(node)
            assert isinstance(node, ast.Expr) or text.startswith("__version__ = "), file
