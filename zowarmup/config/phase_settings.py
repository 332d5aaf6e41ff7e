"""The settings of each kind of phase, read from the source of the algorithms.

An algorithm is a dataclass: its fields are the settings that a config can give, with their types
and defaults. Importing an algorithm would import torch, which takes longer than everything else
that a workflow does before its first job. An algorithm in a file of the user's own is read the same
way, and its phases carry their entry in a field `source`.
"""

import ast
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from pydantic import create_model

from zowarmup.common import user_code
from zowarmup.config.phase import TYPES, Phase, Settings
from zowarmup.config.registry import ALGORITHMS, algorithm, is_file, module_of

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT.name
Model = TypeVar("Model", bound=Settings)


class Named(Protocol):
    """A phase, of a config or of a spec."""

    @property
    def algorithm(self) -> str:
        """The name in the config."""
        ...


def entry_of(phase: Named) -> str:
    """The entry of a phase's algorithm, built-in or of the user's own."""
    return algorithm(phase.algorithm, getattr(phase, "source", None))


def settings_of(entry: str) -> type[Phase]:
    """Return the class of a phase's settings for the algorithm with the entry "module:class".

    Raises:
        TypeError: the class does not exist, or a field has an annotation outside of `phase.TYPES`.
    """
    fields: dict[str, Any] = {}
    for name, node in annotations(entry).items():
        if name not in Phase.model_fields and "ClassVar" not in ast.unparse(node.annotation):
            fields[name] = (_type(node.annotation, entry), _default(node, entry))
    if is_file(entry):
        fields["source"] = (Literal[entry], entry)
    return settings_class(entry.rpartition(":")[2], Phase, fields)


def is_dataclass(entry: str) -> bool:
    """Whether the class of an entry is decorated as a dataclass."""
    module, _, name = entry.rpartition(":")
    classes = [n for n in _tree(module).body if isinstance(n, ast.ClassDef) and n.name == name]
    return any("dataclass" in ast.unparse(d) for one in classes for d in one.decorator_list)


def settings_class(name: str, base: type[Model], fields: Mapping[str, Any]) -> type[Model]:
    """Return a subclass of `base` with more fields, each given by a type and a default."""
    return create_model(name, __base__=base, **fields)


def leaves_records(entry: str) -> bool:
    """Whether the rounds of an algorithm can be replayed from records, see algorithms.rounds."""
    return any(isinstance(n, ast.FunctionDef) and n.name == "apply" for n in statements(entry))


def uses_tiers(entry: str) -> bool:
    """Return whether an algorithm's class says `tiered = True`: clients work by their tier."""
    return "tiered" in (named := annotations(entry)) and _default(named["tiered"], entry) is True


def annotations(entry: str) -> dict[str, ast.AnnAssign]:
    """The annotated names of a class and of its bases."""
    nodes = [node for node in statements(entry) if isinstance(node, ast.AnnAssign)]
    return {ast.unparse(node.target): node for node in nodes}


def statements(entry: str) -> tuple[ast.stmt, ...]:
    """Return the statements of a class, after those of its base classes here or beside it.

    Raises:
        TypeError: there is no such class.
    """
    module = module_of(entry)
    return _statements(entry, os.stat(module).st_mtime_ns if is_file(entry) else 0)


@cache
def _statements(entry: str, changed: int) -> tuple[ast.stmt, ...]:
    module, _, name = entry.rpartition(":")
    tree = _tree(module)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    if not classes:
        raise TypeError(f"{entry}: the module has no such class")
    homes = [_home(tree, module, ast.unparse(base)) for base in classes[0].bases]
    inherited = [node for home in homes if home for node in statements(home)]
    return (*inherited, *classes[0].body)


def _home(tree: ast.Module, module: str, name: str) -> str:
    """Return the entry of a base class, "" for a class of another library."""
    first, _, inner = name.partition(".")
    for node in (node for node in tree.body if isinstance(node, ast.ImportFrom)):
        for alias in node.names:
            if (alias.asname or alias.name) == first:
                home = f"{node.module}.{alias.name}" if inner else str(node.module)
                return _entry(module, home, inner or alias.name)
    return f"{module}:{name}" if any(getattr(n, "name", "") == name for n in tree.body) else ""


def _entry(module: str, home: str, name: str) -> str:
    beside = Path(module).parent.joinpath(*home.split(".")).with_suffix(".py")
    if is_file(f"{module}:{name}") and beside.is_file():
        return f"{beside}:{name}"
    return f"{home}:{name}" if home.startswith(f"{PACKAGE}.") else ""


def _tree(module: str) -> ast.Module:
    if module.endswith(".py"):
        return user_code.tree(module)
    path = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def _type(node: ast.expr, entry: str) -> Any:
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
        return Literal[ast.literal_eval(node.slice)]
    if (kind := ast.unparse(node)) in TYPES:
        return TYPES[kind]
    types = ", ".join(TYPES)
    raise TypeError(f"{entry}: a config has no type {kind}; use {types} or Literal[...]")


def _default(node: ast.AnnAssign, entry: str) -> Any:
    """Return the default for a config, which has lists where a dataclass has tuples."""
    if node.value is None:
        return ...
    try:
        value = ast.literal_eval(node.value)
    except ValueError:
        value = None
    if value is None:
        name, text = ast.unparse(node.target), ast.unparse(node.value)
        raise TypeError(f"{entry}: the default of {name} is {text}; write a number, text or tuple")
    return list(value) if isinstance(value, tuple) else value


PHASES = {name: settings_of(entry) for name, entry in ALGORITHMS.items()}

# A first phase with one of these algorithms is a warm-up: it is trained once, with snapshots, for
# all runs that start with this phase. Phases with other algorithms are replayed from a journal.
TRAJECTORIES = tuple(name for name, entry in ALGORITHMS.items() if not leaves_records(entry))


def is_trajectory(phase: Named) -> bool:
    """Whether a first phase is a warm-up, see TRAJECTORIES."""
    return not leaves_records(entry_of(phase))


def know_tiers(phases: Iterable[Phase]) -> bool:
    """Whether phases depend on the tiers of the clients."""
    return any(p.clients != "all" or uses_tiers(entry_of(p)) for p in phases)
