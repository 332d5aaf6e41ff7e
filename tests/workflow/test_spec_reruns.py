"""Every field of a spec reaches Snakemake: a changed one reruns the jobs that it describes.

Snakemake compares what rules hand to it, and compares nothing where it does not know the type.
"""

import shutil
from pathlib import Path
from typing import Any

import own_code
import pytest
import workbench
import yaml

from zowarmup.plan.specs import EngineSpec, Phase, RunSpec, SelectionSpec, WarmupSpec

# By field: what a config file laid over tiny.yaml says, and the rules that must run again.
ALL = {"warmup", "select", "train"}
ZO = {"algorithm": "zo", "clients": "all"}
FEDAVG = {"algorithm": "fedavg", "clients": "high", "lr": {"same_as": "high_res_only"}}


def methods(*phases: dict[str, Any], name: str = "zowarmup") -> dict[str, Any]:
    return {"methods": {name: {"label": "ZOWarmUp", "phases": list(phases)}}}


CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    # The names of these four are in the paths of the files that jobs read.
    "dataset": (
        {
            "datasets": {"more": {"source": "digits", "images_train": 200, "images_test": 60}},
            "federations": {"default": {"dataset": "more", "clients": 10, "alpha": 0.5}},
        },
        ALL,
    ),
    "federation": (
        {
            "federations": {"other": {"dataset": "digits", "clients": 8, "alpha": 0.5}},
            "federation": "other",
        },
        ALL,
    ),
    "warmup": ({"algorithms": {"fedavg": {"clients": "all"}}} | methods(
        FEDAVG | {"clients": "all", "rounds": 20}, ZO | {"rounds": 40}), ALL),
    "backprop": (
        {
            "split": "memory",
            "federations": {
                "default": {
                    "dataset": "digits",
                    "clients": 10,
                    "alpha": 0.5,
                    "memory": [{"share": 0.5, "megabytes": 100}, {"share": 0.5, "megabytes": 1e-3}],
                }
            },
        },
        ALL,
    ),
    "split": ({"split": "50/50"}, ALL),
    "model": ({"model": "cnn"}, ALL),
    "network": ({"model": {"file": "my_net.py", "build": "Net"}, "engine": {"name": "vmap"}}, ALL),
    "phase.source": ({"algorithms": {"mine": {"file": "my_method.py", "class": "Mine"}}} | methods(
        FEDAVG | {"rounds": 20}, {"algorithm": "mine", "clients": "all", "lr": 0.1, "rounds": 40}),
        {"train"}),
    "width": ({"width": 2.0}, ALL),
    "pin": ({"pin": {"directions": 5}}, ALL),
    # Trials of a selection have neither rows of metrics nor snapshots.
    "evaluate_every": ({"evaluate_every": 5}, {"warmup", "train"}),
    "snapshot_every": ({"snapshot_every": 20}, {"warmup", "train"}),
    "engine.name": ({"engine": {"name": "vmap"}}, ALL),
    "engine.device": ({"engine": {"device": "cuda"}}, ALL),
    "engine.threads": ({"engine": {"threads": 2}}, ALL),
    "engine.micro_batch": ({"engine": {"micro_batch": 32}}, ALL),
    "engine.precision": ({"engine": {"name": "plain", "precision": "bfloat16"}}, ALL),
    "engine.channels_last": ({"engine": {"name": "plain", "channels_last": True}}, ALL),
    "engine.options": ({"engine": {"options": {"block": 3}}}, ALL),
    # Only where the bits depend on it: vmap with several threads.
    "engine.processes": ({"engine": {"name": "vmap", "threads": 2, "processes": 2}}, ALL),
    "phase.algorithm": (methods(FEDAVG | {"rounds": 20}, ZO | {"algorithm": "zo_adam", "rounds": 40,
        "lr": 0.1}), {"train"}),
    "phase.clients": (methods(FEDAVG | {"rounds": 20}, ZO | {"clients": "low", "rounds": 40}),
        {"select", "train"}),
    "phase.rounds": (methods(FEDAVG | {"rounds": 20}, ZO | {"rounds": 30}), {"select", "train"}),
    "phase.lr": ({"algorithms": {"zo": {"lr": 0.05}}}, {"train"}),
    # A warm-up with probes is trained by another rule, so that they are a declared output.
    "pivot_rule": ({"methods": {"zowarmup": {"pivot": "auto"}}}, {"probed_warmup", "train"}),
    "probes": ({"algorithms": {"zo": {"lr": "auto"}}}, {"probed_warmup", "train"}),
    "phase.participation": ({"algorithms": {"zo": {"participation": 0.5}}}, {"select", "train"}),
    "phase.settings": ({"algorithms": {"zo": {"tau": 0.5}}}, {"select", "train"}),
    "axes": ({"selection": {"grid": {"zo": [0.01, 0.1]}}}, {"select", "train"}),
    "seeds": ({"selection": {"seeds": [1]}}, {"select"}),
    "name": ({"methods": {"zowarmup": None} | methods(
        FEDAVG | {"rounds": 20}, ZO | {"rounds": 40}, name="other")["methods"],
        "studies": {"main": {"methods": ["high_res_only", "other"]}}}, {"select", "train"}),
}  # fmt: skip
COMPOSED = {"engine": EngineSpec, "phase": Phase}


@pytest.fixture(scope="module")
def reruns(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, int]]:
    """The jobs that each change runs again, in one finished project."""
    folder = tmp_path_factory.mktemp("changed") / "copy"
    shutil.copytree(finished, folder)
    own_code.write(folder)
    calls = []
    for name, (changes, _) in CHANGES.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(changes))
        calls.append((folder, ["-n", "--configfile", "tiny.yaml", f"{name}.yaml"]))
    answers = workbench.snakemake_many(calls)
    return {name: workbench.planned(a) for name, a in zip(CHANGES, answers, strict=True)}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_field_reruns_its_jobs(name: str, reruns: dict[str, dict[str, int]]) -> None:
    assert CHANGES[name][1] <= set(reruns[name])


def test_every_field_has_its_change() -> None:
    """A new field of a spec fails here until its change is seen to rerun something."""
    specs = (RunSpec, WarmupSpec, SelectionSpec)
    fields = {name for spec in specs for name in spec.model_fields} - {"phases"} - {*COMPOSED}
    for name, value in COMPOSED.items():
        fields |= {f"{name}.{field}" for field in value.model_fields}
    assert fields | {"phase.settings"} == {*CHANGES}
