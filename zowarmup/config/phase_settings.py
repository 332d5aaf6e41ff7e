"""The settings of each kind of phase, read from the source of the algorithms.

An algorithm is a dataclass: its fields are the settings that a config can give, with their types
and defaults. Importing an algorithm would import torch, which takes longer than everything else
that a workflow does before its first job.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import create_model

from zowarmup.config.phase import TYPES, Phase, Settings
from zowarmup.config.registry import ALGORITHMS

ROOT = Path(__file__).parents[1]
Model = TypeVar("Model", bound=Settings)


def settings_of(entry: str) -> type[Phase]:
    """Return the class of a phase's settings for the algorithm with the entry "module:class".

    Raises:
        TypeError: the class does not exist, or a field has an annotation outside of `phase.TYPES`.
    """
    fields: dict[str, Any] = {}
    for name, node in _annotated(entry).items():
        if name not in Phase.model_fields and "ClassVar" not in ast.unparse(node.annotation):
            fields[name] = (_type(node.annotation, entry), _default(node))
    return settings_class(entry.partition(":")[2], Phase, fields)


def settings_class(name: str, base: type[Model], fields: Mapping[str, Any]) -> type[Model]:
    """Return a subclass of `base` with more fields, each given by a type and a default."""
    return create_model(name, __base__=base, **fields)


def leaves_records(entry: str) -> bool:
    """Whether the rounds of an algorithm can be replayed from records, see algorithms.rounds."""
    return any(isinstance(n, ast.FunctionDef) and n.name == "apply" for n in _statements(entry))


def uses_tiers(entry: str) -> bool:
    """Return whether an algorithm's class says `tiered = True`: clients work by their tier."""
    return "tiered" in (named := _annotated(entry)) and _default(named["tiered"]) is True


def _annotated(entry: str) -> dict[str, ast.AnnAssign]:
    nodes = [node for node in _statements(entry) if isinstance(node, ast.AnnAssign)]
    return {ast.unparse(node.target): node for node in nodes}


def _statements(entry: str) -> Iterator[ast.stmt]:
    """Yield the statements of a class, after those of its base classes in this package."""
    module, _, name = entry.partition(":")
    tree = _tree(module)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    if not classes:
        raise TypeError(f"{entry}: the module has no such class")
    for base in classes[0].bases:
        yield from _statements(_home(tree, module, ast.unparse(base)))
    yield from classes[0].body


def _home(tree: ast.Module, module: str, name: str) -> str:
    """Return the entry of a base class, which is imported by name or in the same file."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any(a.name == name for a in node.names):
            return f"{node.module}:{name}"
    return f"{module}:{name}"


@cache
def _tree(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def _type(node: ast.expr, entry: str) -> Any:
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
        return Literal[ast.literal_eval(node.slice)]
    if (kind := ast.unparse(node)) in TYPES:
        return TYPES[kind]
    types = ", ".join(TYPES)
    raise TypeError(f"{entry}: a config has no type {kind}; use {types} or Literal[...]")


def _default(node: ast.AnnAssign) -> Any:
    """Return the default for a config, which has lists where a dataclass has tuples."""
    value = ... if node.value is None else ast.literal_eval(node.value)
    return list(value) if isinstance(value, tuple) else value


PHASES = {name: settings_of(entry) for name, entry in ALGORITHMS.items()}

# A first phase with one of these algorithms is a warm-up: it is trained once, with snapshots, for
# all runs that start with this phase. Phases with other algorithms are replayed from a journal.
TRAJECTORIES = tuple(name for name, entry in ALGORITHMS.items() if not leaves_records(entry))


def know_tiers(phases: Iterable[Phase]) -> bool:
    """Whether phases depend on the tiers of the clients."""
    return any(p.clients != "all" or uses_tiers(ALGORITHMS[p.algorithm]) for p in phases)
