"""What made a result, as its run.json, its selection, its saved state or its journal says."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zowarmup.common.errors import UserError
from zowarmup.common.files import read_json
from zowarmup.inspection.result_paths import place_of
from zowarmup.plan.job_digest import codes
from zowarmup.runtime.machine import said
from zowarmup.storage import journal, machines_json

Facts = dict[str, Any]
KEYS = ("spec", "seed", "seeds", "code", "inputs", "start", "torch", "device")
MORE = ("versions", "hardware", "machines", "commit", "finished", "outputs")
SELECTION = "selection.json"
STATES = ("state/state.json", "partial/state.json")


def provenance_of(folder: Path) -> Facts | None:
    """What made the results in the folder of a job; None where no file says it.

    Returns:
        KEYS and MORE as far as they are known, and `said_by`, the file that knows.
    """
    for name in ("run.json", SELECTION):
        if (folder / name).is_file():
            record = read_json(folder / name)
            return _tidy(record) | {"said_by": str(folder / name)}
    for name in STATES:
        if (folder / name).is_file():
            return of_saved(folder / name, read_json(folder / name))
    path = folder / "journal.jsonl"
    header, _ = next(journal.scan(path), ({}, 0))
    return of_saved(path, header)


def of_saved(path: Path, saved: Mapping[str, Any]) -> Facts | None:
    """What the header of a journal or a saved state says; older ones hold a fingerprint alone."""
    provenance = saved.get("origin")
    return _tidy(provenance) | {"said_by": str(path)} if isinstance(provenance, Mapping) else None


def _tidy(record: Mapping[str, Any]) -> Facts:
    """Records of older versions keep the device and the version of torch elsewhere."""
    if not isinstance(record, Mapping):
        raise UserError("a record that is no JSON object; delete it and let it be made again")
    found = {key: record[key] for key in (*KEYS, *MORE) if record.get(key) is not None}
    if "torch" not in found and "versions" in found:
        found["torch"] = found["versions"]["torch"]
    if "device" not in found and "hardware" in found and "spec" in found:
        gpu = found["spec"]["engine"]["device"] == "cuda"
        found["device"] = found["hardware"]["accelerator"] if gpu else "cpu"
    return found


def phases_of(spec: Mapping[str, Any]) -> list[Facts]:
    """The phases that a job trains, with the number of rounds of each."""
    if "phase" in spec:
        return [dict(spec["phase"]) | {"rounds": spec["rounds"]}]
    return list(spec["phases"])


def inputs_of(folder: Path, spec: Mapping[str, Any], seed: int) -> dict[str, Path]:
    """Where the data and the federation of a run or warm-up lie, if it is in a results folder."""
    place = place_of(folder)
    if place is None:
        return {}
    dealt = str(spec["pin"].get("federation", seed))
    return {
        "data": place.root / "datasets" / spec["dataset"] / "dataset.npz",
        "federation": place.root / "federations" / spec["federation"] / dealt / "federation.json",
    }


def phase_at(found: Facts | None, t: int) -> str | None:
    """Number and algorithm of the phase that round t is of; None where that is not known."""
    if not found or "spec" not in found:
        return None
    end = 0
    for number, phase in enumerate(phases_of(found["spec"]), start=1):
        end += phase["rounds"]
        if t <= end:
            return f"{number}, {phase['algorithm']}"
    return None


def brief(found: Facts | None, folder: Path) -> Facts:
    """An origin for people: names, seeds, versions and fingerprints, without the whole spec."""
    if not found or "spec" not in found:
        return {"not_known": f"no run.json, state.json or journal in {folder} says it"}
    place, seed = place_of(folder), found.get("seed")
    facts: Facts = {"config": place.root.name, place.rule: place.name} if place else {}
    facts["seed"] = seed
    facts |= {f"{k}_seed": v for k, v in found.get("seeds", {}).items() if v != seed}
    facts["settings"] = _settings(found["spec"])
    facts["code"] = found.get("code")
    rule = place.rule if place else "warmup" if "phase" in found["spec"] else "train"
    facts["code_here"] = (
        "the same" if found.get("code") in codes(rule, found["spec"]) else "another"
    )
    facts |= {key: found.get(key) for key in ("torch", "device")}
    if worked_on := found.get("machines") or machines_json.of(folder):
        facts["machine"] = ", then ".join(map(said, worked_on))
    facts |= {f"{key}_sha256": value for key, value in found.get("inputs", {}).items()}
    facts |= {key: found[key] for key in ("start", "commit", "finished") if key in found}
    return facts | {"said_by": os.path.relpath(found["said_by"])}


def _settings(spec: Mapping[str, Any]) -> str:
    """The phases in a line: algorithm, who takes part, rounds, learning rate."""
    parts = [
        f"{phase['algorithm']} ({phase['clients']}, {phase['rounds']} rounds, lr {phase.get('lr')})"
        for phase in phases_of(spec)
    ]
    return (
        f"{spec['model']} on {spec['dataset']}, {spec['split'] or 'no split'}: "
        + ", then ".join(parts)
    )
