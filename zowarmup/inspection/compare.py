"""`zowarmup compare`: two runs or checkpoints side by side."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zowarmup.common.errors import reading
from zowarmup.inspection import models
from zowarmup.inspection.look import layers
from zowarmup.inspection.look import text as texts
from zowarmup.inspection.metric_rows import rows_of
from zowarmup.inspection.models import Bar, Model
from zowarmup.inspection.provenance import KEYS, Facts, provenance_of
from zowarmup.inspection.result_paths import place_of

METRICS = ("test_accuracy", "test_loss")
COMPARED = [key for key in KEYS if key != "start"]  # a path; its hash is among the inputs


def compare(a: Path, b: Path, bar: Bar = models.no_bar) -> Facts:
    """Settings that differ, the way from one model to the other by layer, metrics by round.

    Raises:
        UserError: one of them has no model.
    """
    (one, then, before), (other, now, after) = (_read(path, bar) for path in (a, b))
    return {
        "a": _named(one, then),
        "b": _named(other, now),
        "settings": settings(then, now),
        "weights": layers.distances(one.saved.named, other.saved.named),
        "metrics": metrics(before, after),
    }


def _read(path: Path, bar: Bar) -> tuple[Model, Facts | None, list[Facts]]:
    """A model, what made it, and the metrics of its rounds."""
    with reading(path):
        model = models.latest(path, bar)
        keys = ("round", *METRICS)
        rows = [{key: row[key] for key in keys} for row in rows_of(model.home)]
        return model, provenance_of(model.home), rows


def _named(model: Model, provenance: Facts | None) -> Facts:
    place = place_of(model.home)
    where = {"run": f"{place.root.name} {place.name} {place.part}".strip()} if place else {}
    known = {} if provenance else {"origin": "not known"}
    return {"path": str(model.file or model.home), "round": model.round} | where | known


def settings(a: Facts | None, b: Facts | None) -> list[Facts]:
    """What decided the results and differs, by dotted keys; "-" where one has no such setting."""
    then, now = (
        dict(flat({key: made[key] for key in COMPARED if key in made} if made else {}))
        for made in (a, b)
    )
    keys = sorted({*then, *now})
    return [
        {"setting": key, "a": then.get(key, "-"), "b": now.get(key, "-")}
        for key in keys
        if then.get(key) != now.get(key)
    ]


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested settings with their dotted names; phases count from 1."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for i, inner in enumerate(value, start=1):
            yield from flat(inner, f"{name}.{i}")
    else:
        yield name, value


def metrics(a: list[Facts], b: list[Facts]) -> list[Facts]:
    """Both runs' numbers and b's minus a's at every round that both have measured."""
    then, now = ({row["round"]: row for row in rows} for rows in (a, b))
    return [
        {"round": t}
        | {
            f"{metric}{suffix}": value
            for metric in METRICS
            for suffix, value in _three(then[t][metric], now[t][metric]).items()
        }
        for t in sorted(set(then) & set(now))
    ]


def _three(a: float, b: float) -> dict[str, float]:
    return {"_a": a, "_b": b, "_difference": b - a}


def text(made: Facts) -> str:
    """A comparison for people."""
    missing = {} if made["settings"] else {"settings": "no setting differs"}
    shown = {key: value for key, value in made.items() if value} | missing
    return texts.text(shown)
