"""`zowarmup replay`: the weights of one round, looked at or written."""

from pathlib import Path
from typing import Any

from zowarmup.algorithms.rounds import State
from zowarmup.common.errors import UserError, reading
from zowarmup.inspection import models
from zowarmup.inspection.look import layers
from zowarmup.inspection.look.models import at_round, network, shown
from zowarmup.inspection.models import Bar, Model
from zowarmup.inspection.provenance import Facts, brief, provenance_of
from zowarmup.inspection.result_paths import place_of
from zowarmup.storage import checkpoint
from zowarmup.training import replay as rebuild


def replay(run: Path, t: int | None, bar: Bar = models.no_bar) -> tuple[Model, Facts]:
    """The model of a run after round t, by default its last so far, and facts about it.

    Raises:
        UserError: no such run or round.
    """
    with reading(run):
        model = models.replayed(run, None, bar) if t is None else models.at(run, t, bar)
        return model, _facts(model)


def _facts(model: Model) -> Facts:
    saved, provenance = model.saved, provenance_of(model.home)
    from_ = str(model.file) if model.file else "rebuilt from the pivot's snapshot and the journal"
    return {
        **network(saved.about, provenance),
        "made": from_,
        "weights_sha256": layers.sha256(rebuild.model_of(saved).flatten(saved.named)),
        "origin": brief(provenance, model.home),
        "at_this_round": at_round(model.home, model.round),
        **shown(saved.named, saved.server),
    }


def write(model: Model, output: Path | str, *, overwrite: bool = False) -> Path:
    """Write a model as the checkpoint that training would have written.

    Raises:
        UserError: there is such a file already, and it is not to be overwritten.
    """
    output = Path(output)
    if output.exists() and not overwrite:
        raise UserError(f"{output}: is there already; name another file or add --force")
    network = rebuild.model_of(model.saved)
    state = State(network.flatten(model.saved.named), model.saved.server)
    checkpoint.save(output, network, state, model.saved.about)
    return output


def name_of(model: Model) -> str:
    """What a file of a model is called by default."""
    place: Any = place_of(model.home)
    job = f"{place.name}-{place.part}-" if place else ""
    return f"{job}round-{model.round:06d}"
