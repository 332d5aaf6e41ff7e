"""Draws the rooms of zowarmup/ and their imports: python tools/architecture.py

Writes docs/architecture.svg. An arrow leads from a room to a room that it imports; an arrow that
follows from other arrows is left out.
"""

import ast
import io
from collections.abc import Iterator
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "zowarmup"
PICTURE = ROOT / "docs" / "architecture.svg"

# The entrances for users, above all rooms.
FACES = ("cli", "api", "notebook", "without_snakemake")

# The middle of each room's box; a room lies below the rooms that import it.
PLACES = {
    "cli": (1.0, 10),
    "api": (1.0, 9),
    "without_snakemake": (-1.4, 8),
    "notebook": (0.7, 8),
    "inspection": (2.0, 8),
    "flower": (-2.7, 7),
    "jobs": (-1.0, 7),
    "forecast": (4.0, 7),
    "training": (0.0, 6),
    "storage": (-1.6, 5),
    "engines": (1.5, 5),
    "analysis": (4.2, 5),
    "algorithms": (0.5, 4),
    "plan": (-2.4, 3),
    "models": (-0.8, 3),
    "data": (3.2, 3),
    "config": (-0.6, 2),
    "runtime": (1.6, 2),
    "common": (0.5, 1),
}

Graph = dict[str, set[str]]


def rooms() -> Iterator[tuple[str, Path]]:
    """Yield (room, file) for every Python file of the package: its folder, or its own name."""
    for file in sorted(PACKAGE.rglob("*.py")):
        room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if not room.startswith("__"):
            yield room, file


def imports() -> Graph:
    """Return the rooms that each room imports, also inside functions."""
    names = {room for room, _ in rooms()}
    graph: Graph = {room: set() for room in names}
    for room, file in rooms():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("zowarmup"):
                path = f"{node.module}.{node.names[0].name}".split(".")
                graph[room] |= {path[1]} & names - {room}
    return graph


def reachable(graph: Graph, room: str) -> set[str]:
    """Return all rooms that a room imports, directly or through others."""
    return graph[room].union(*(reachable(graph, other) for other in graph[room]))


def arrows(graph: Graph) -> dict[str, list[str]]:
    """Return only the imports that do not follow from other imports."""
    over_others = {r: set().union(*(reachable(graph, o) for o in graph[r])) for r in graph}
    return {room: sorted(graph[room] - over_others[room]) for room in sorted(graph)}


def draw() -> bytes:
    """Return the picture as SVG: equal bytes for an equal graph.

    Raises:
        KeyError: a room has no place in PLACES.
    """
    figure = Figure(figsize=(7.0, 7.5))
    axes = figure.subplots()
    for room, others in arrows(imports()).items():
        for other in others:
            (x, y), (x_other, y_other) = PLACES[room], PLACES[other]
            arrow = {"arrowstyle": "-|>", "color": "0.45", "shrinkA": 0, "shrinkB": 0}
            ends = (x_other, y_other + 0.26), (x, y - 0.26)
            axes.annotate("", *ends, arrowprops=arrow)
    for room, (x, y) in PLACES.items():
        face = "#dbe9f6" if room in FACES else "#f4f4f4"
        box = {"boxstyle": "round,pad=0.35", "facecolor": face, "edgecolor": "0.3"}
        axes.text(x, y, room, ha="center", va="center", fontsize=9, bbox=box)
    axes.set(xlim=(-3.5, 5.2), ylim=(0.4, 10.6))
    axes.axis("off")
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "zowarmup", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    return file.getvalue()


if __name__ == "__main__":
    PICTURE.write_bytes(draw())
    print(PICTURE.relative_to(ROOT))
