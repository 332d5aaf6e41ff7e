"""Any intermediate model of a run, rebuilt from its pivot snapshot and its journal."""

import itertools
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from zowarmup.algorithms.rounds import Replayable
from zowarmup.models.flat import FlatModel
from zowarmup.settings.errors import UserError
from zowarmup.settings.files import read_json
from zowarmup.settings.seeds import Seeds
from zowarmup.simulation import checkpoint, journal, loop, world


def record_of(folder: Path | str) -> dict[str, Any]:
    """The run.json of a run or a warm-up.

    Raises:
        UserError: there is none, or it is cut short.
    """
    path = Path(folder) / "run.json"
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the folder of a finished run")
    record: dict[str, Any] = read_json(path)
    return record


def model_of(saved: checkpoint.Checkpoint) -> FlatModel:
    """The network that a checkpoint is of."""
    about = saved.about
    return world.model(about["model"], tuple(about["shape"]), about["classes"], about["width"])


def weights_at(folder: Path | str, t: int) -> Tensor:
    """The model of a run after round t, bit for bit as it was in training.

    Args:
        folder: results/<name>/runs/<run>/<seed>.
        t: a round of the phases that followed the warm-up, or the pivot itself.

    Raises:
        UserError: the run keeps no journal, or t is not one of its rounds.
    """
    folder = Path(folder)
    record = record_of(folder)
    spec, seeds = record["spec"], Seeds(**record["seeds"])
    model = model_of(checkpoint.load(folder / "final.safetensors"))
    w, pivot = model.initial(seeds.initialisation), 0
    if record["start"]:
        w, pivot = checkpoint.weights(folder / record["start"], model), spec["phases"][0]["rounds"]
    records = iter(journal.read(folder / "journal.jsonl"))
    end = pivot
    for phase in spec["phases"][1 if record["start"] else 0 :]:
        if end < t and not loop.has_records(phase):
            raise UserError(
                f"{folder}: the rounds of {phase['algorithm']} from {end + 1} on leave no records; "
                "give a round before them"
            )
        method = cast(Replayable, loop.algorithm(phase))
        wanted = itertools.islice(records, max(0, min(t - end, phase["rounds"])))
        for state in journal.replay(method.begin(w), wanted, method, seeds):
            w, end = state.w, end + 1
    if t != end:
        raise UserError(f"{folder}: round {t} is not between {pivot} and {end}; give one that is")
    return w
