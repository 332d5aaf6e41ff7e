"""What can be set about each kind of phase, read from the algorithms' own files.

An algorithm is a dataclass: its fields are its settings, their annotations say what the config
accepts, their defaults are the config's. They are read from the source text, since importing an
algorithm means importing torch, which takes longer than everything else that a workflow does before
its first job.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import create_model

from zowarmup.config.phase import TYPES, Phase
from zowarmup.config.registry import ALGORITHMS

ROOT = Path(__file__).parents[1]


def settings_of(entry: str) -> type[Phase]:
    """The settings of a phase of an algorithm.

    Args:
        entry: "module:class".

    Raises:
        TypeError: a field has an annotation that no config value is known for.
    """
    fields: dict[str, Any] = {}
    for body in _bodies(entry):
        for node in body.body:
            if isinstance(node, ast.AnnAssign) and not _is_constant(node):
                name = ast.unparse(node.target)
                if name not in Phase.model_fields:
                    fields[name] = (_type(node.annotation, entry), _default(node))
    made: type[Phase] = create_model(entry.partition(":")[2], __base__=Phase, **fields)
    return made


def leaves_records(entry: str) -> bool:
    """Whether the rounds of an algorithm can be replayed from records, see algorithms.rounds."""
    nodes = [node for body in _bodies(entry) for node in body.body]
    return any(isinstance(node, ast.FunctionDef) and node.name == "apply" for node in nodes)


def uses_tiers(entry: str) -> bool:
    """Whether its clients' work depends on who is high-resource: it says `tiered = True`."""
    nodes = [node for body in _bodies(entry) for node in body.body]
    return any(
        isinstance(node, ast.AnnAssign)
        and ast.unparse(node.target) == "tiered"
        and _default(node) is True
        for node in nodes
    )


def _bodies(entry: str) -> Iterator[ast.ClassDef]:
    """The class and those of this package that it derives from, the most basic first."""
    module, _, name = entry.partition(":")
    tree = _tree(module)
    found = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    if not found:
        raise TypeError(f"{entry}: the module has no such class")
    for base in found[0].bases:
        yield from _bodies(_origin(tree, module, ast.unparse(base)))
    yield found[0]


def _origin(tree: ast.Module, module: str, name: str) -> str:
    """Where a base class stands: imported by name, or in the same file."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any(a.name == name for a in node.names):
            return f"{node.module}:{name}"
    return f"{module}:{name}"


@cache
def _tree(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def _is_constant(node: ast.AnnAssign) -> bool:
    return ast.unparse(node.annotation).startswith("ClassVar")


def _type(node: ast.expr, entry: str) -> Any:
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
        return Literal[ast.literal_eval(node.slice)]
    try:
        return TYPES[ast.unparse(node)]
    except KeyError:
        raise TypeError(
            f"{entry}: no config value is known for the annotation {ast.unparse(node)}; use one "
            f"of {', '.join(TYPES)} or Literal[...]"
        ) from None


def _default(node: ast.AnnAssign) -> Any:
    """The config's lists are lists, a dataclass wants a tuple."""
    value = ... if node.value is None else ast.literal_eval(node.value)
    return list(value) if isinstance(value, tuple) else value


PHASES = {name: settings_of(entry) for name, entry in ALGORITHMS.items()}

# First phases of these kinds are run once as a trajectory with snapshots, which everything that
# starts with the same phase shares. The others are replayed from their journal.
TRAJECTORIES = tuple(name for name, entry in ALGORITHMS.items() if not leaves_records(entry))


def know_tiers(phases: Iterable[Phase]) -> bool:
    """Whether phases depend on who is high-resource."""
    return any(p.clients != "all" or uses_tiers(ALGORITHMS[p.algorithm]) for p in phases)
