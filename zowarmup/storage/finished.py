"""Whether finished training has the settings that are wanted now."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json
from zowarmup.config.phase import AUTO, GROUPS, RATES
from zowarmup.plan.specs import RunSpec, TrainingSpec, read_spec
from zowarmup.storage.provenance import difference

Values = dict[str, object]


def change(record: Path, spec: TrainingSpec) -> str:
    """The first setting in which a run.json differs from a spec; empty if none does.

    What a selection or probes decide is no setting: the record has it as a number. A warm-up may be
    longer than is needed, and may have probes that nobody reads.

    Raises:
        UserError: the file cannot be read.
    """
    with reading(record):
        content = read_json(record)
        recorded = read_spec(content["spec"]).model_dump(mode="json")
        decided = "decided" in content
    now = spec.model_dump(mode="json")
    for settings in (recorded, now):
        settings.pop("warmup", None)  # the name of a folder
    if "phase" in now:
        _of_warm_up(recorded, now)
    then, phases = _phases(recorded), _phases(now)
    _decide(then, phases, decided)
    if isinstance(spec, RunSpec) and spec.pivot_rule is not None and _total(then) == _total(phases):
        for was, phase in zip(then, phases, strict=False):
            phase["rounds"] = was["rounds"]
    return difference(recorded, now)


def _total(phases: Iterable[Values]) -> int:
    return sum(cast(int, phase["rounds"]) for phase in phases)


def _phases(values: Values) -> list[Values]:
    return cast(list[Values], values["phases"] if "phases" in values else [values.get("phase", {})])


def _decide(recorded: Iterable[Values], now: Iterable[Values], decided: bool) -> None:
    """Fill in rates that a selection decides and, in a run with decisions, what probes decide."""
    for then, phase in zip(recorded, now, strict=False):
        for key in {*RATES, GROUPS} & phase.keys() & then.keys():
            if isinstance(phase[key], Mapping) or (decided and phase[key] == AUTO):
                phase[key] = then[key]


def _of_warm_up(recorded: Values, now: Values) -> None:
    """A longer warm-up serves too, and one with probes that nobody reads."""
    _longer_serves(_phases(recorded)[0], _phases(now)[0], "rounds")
    probes = [cast(Values, values.get("probes")) for values in (recorded, now)]
    if all(probes):
        _longer_serves(probes[0], probes[1], "last")
    else:
        recorded.pop("probes", None)


def _longer_serves(recorded: Values, now: Values, key: str) -> None:
    now[key] = max(cast(int, now[key]), cast(int, recorded[key]))
