"""`zowarmup compare`: two runs or checkpoints side by side."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zowarmup.common.errors import reading
from zowarmup.inspection import layers, models
from zowarmup.inspection.facts import Facts
from zowarmup.inspection.models import Model
from zowarmup.inspection.provenance import JobRecord, record_of
from zowarmup.inspection.results import Row, place_of, rows_of

METRICS = ("test_accuracy", "test_loss")
# Not the start of a run, which is a path; its hash is among the inputs.
COMPARED = ("spec", "seed", "seeds", "code", "inputs", "torch", "device")


def compare(a: Path | str, b: Path | str) -> Facts:
    """Settings that differ, the distance between the models by layer, metrics by round.

    Raises:
        UserError: one of them has no model.
    """
    (model_a, record_a, rows_a), (model_b, record_b, rows_b) = map(_read, map(Path, (a, b)))
    return {
        "a": _named(model_a, record_a),
        "b": _named(model_b, record_b),
        "settings": settings(record_a, record_b),
        "weights": layers.distances(model_a.saved.named, model_b.saved.named),
        "metrics": metrics(rows_a, rows_b),
    }


def _read(path: Path) -> tuple[Model, JobRecord | None, dict[int, Row]]:
    """A model, the record of its job, and the metrics of each round."""
    with reading(path):
        model = models.latest(path)
        rows = {row["round"]: {key: row[key] for key in METRICS} for row in rows_of(model.home)}
        return model, record_of(model.home), rows


def _named(model: Model, record: JobRecord | None) -> Facts:
    place = place_of(model.home)
    return {
        "path": str(model.file or model.home),
        "round": model.round,
        "run": f"{place.root.name} {place.name} {place.part}".strip() if place else None,
        "origin": None if record else "not known",
    }


def settings(a: JobRecord | None, b: JobRecord | None) -> list[Facts]:
    """Settings that differ, by dotted keys; "-" where one has no such setting."""
    x, y = (dict(_leaves(_settings(record))) if record else {} for record in (a, b))
    rows = [{"setting": key, "a": x.get(key, "-"), "b": y.get(key, "-")} for key in sorted(x | y)]
    return [row for row in rows if row["a"] != row["b"]]


def _settings(record: JobRecord) -> dict[str, Any]:
    values = {key: getattr(record, key) for key in COMPARED}
    return values | {"spec": record.spec.model_dump(mode="json")}


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested settings with their dotted names; phases count from 1."""
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        value = dict(enumerate(value, start=1))
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value


def metrics(a: Mapping[int, Row], b: Mapping[int, Row]) -> list[Facts]:
    """Both runs' metrics and b's minus a's at every round that both have measured."""
    rows: list[Facts] = [{"round": t} for t in sorted(set(a) & set(b))]
    for row in rows:
        for metric in METRICS:
            x, y = (run[row["round"]][metric] for run in (a, b))
            row |= {f"{metric}_a": x, f"{metric}_b": y, f"{metric}_difference": y - x}
    return rows
