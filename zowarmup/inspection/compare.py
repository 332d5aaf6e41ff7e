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
# Without `start`, which is a path; the hash of that snapshot is among the inputs.
COMPARED = ("spec", "seed", "seeds", "code", "inputs", "torch", "device")


def compare(a: Path | str, b: Path | str) -> Facts:
    """Return the settings that differ, the distance in each layer, and the metrics by round.

    Raises:
        UserError: `a` or `b` has no model.
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
    """Return the settings that differ, with dotted keys; "-" where a record lacks the setting."""
    x, y = (dict(_leaves(_settings(record))) if record else {} for record in (a, b))
    rows = [{"setting": key, "a": x.get(key, "-"), "b": y.get(key, "-")} for key in sorted(x | y)]
    return [row for row in rows if row["a"] != row["b"]]


def _settings(record: JobRecord) -> dict[str, Any]:
    values = {key: getattr(record, key) for key in COMPARED}
    return values | {"spec": record.spec.model_dump(mode="json")}


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each leaf of nested settings with its dotted name; phases count from 1."""
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        value = dict(enumerate(value, start=1))
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value


def metrics(a: Mapping[int, Row], b: Mapping[int, Row]) -> list[Facts]:
    """Return the metrics of `a`, of `b`, and their difference b - a at each round in both."""
    rows: list[Facts] = [{"round": t} for t in sorted(set(a) & set(b))]
    for row in rows:
        for metric in METRICS:
            x, y = (run[row["round"]][metric] for run in (a, b))
            row |= {f"{metric}_a": x, f"{metric}_b": y, f"{metric}_difference": y - x}
    return rows
