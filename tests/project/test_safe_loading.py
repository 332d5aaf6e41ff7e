"""No module loads a file in a way that could run code of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import workbench
import yaml

from zowarmup.config import yaml_file

# What makes objects of a file's choice, and what has to be said with it.
UNSAFE = {
    "pickle": None,
    "pickle.load": None,
    "pickle.loads": None,
    "pickle.Unpickler": None,
    "cPickle": None,
    "dill": None,
    "joblib": None,
    "shelve": None,
    "marshal": None,
    "cloudpickle": None,
    "torch.load": "weights_only",
    "yaml.load": None,
    "yaml.unsafe_load": None,
    "yaml.full_load": None,
    "pd.read_pickle": None,
    "eval": None,
    "exec": None,
    "__import__": None,
    "np.load": "allow_pickle",
    "numpy.load": "allow_pickle",
}


SOURCES = [
    *sorted((workbench.PROJECT / "zowarmup").rglob("*.py")),
    *sorted((workbench.PROJECT / "workflow").rglob("*.py")),
]


def unsafe(source: str) -> Iterator[str]:
    """The calls and imports in a module that could make a file run."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            names = [module or "", *(alias.name for alias in node.names)]
            yield from (name for name in names if name in UNSAFE)
        elif isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in UNSAFE:
            told = {word.arg: ast.unparse(word.value) for word in node.keywords}
            safe = {"allow_pickle": "False", "weights_only": "True"}
            needed = UNSAFE[name]
            loader = [ast.unparse(argument) for argument in node.args[1:]]
            if name == "yaml.load" and loader == ["_Loader"]:
                continue  # a SafeLoader, see below
            if needed is None or told.get(needed) != safe[needed]:
                yield f"{name} in line {node.lineno}"


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_no_module_loads_what_could_run(file: Path) -> None:
    """One module restricts what a pickle can name, see tests/data/test_sources.py."""
    restricted = file.parts[-3:] == ("data", "sources", "pickles.py")
    assert list(unsafe(file.read_text(encoding="utf-8"))) == ["pickle"] * restricted


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "np.load(f)",
        "np.load(f, allow_pickle=True)",
        "yaml.load(f, yaml.Loader)",
        "eval(text)",
    ],
)
def test_the_search_finds_what_could_run(source: str) -> None:
    assert list(unsafe(source))


def test_the_loader_of_configs_is_a_safe_one() -> None:
    assert issubclass(yaml_file._Loader, yaml.SafeLoader)
    for tag in yaml_file._Loader.yaml_constructors:
        assert "python" not in str(tag)
    assert not yaml_file._Loader.yaml_multi_constructors
