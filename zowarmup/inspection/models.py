"""The model that a path stands for: the one in a checkpoint, or after a round of a job."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from zowarmup.algorithms.rounds import State
from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import atomic_file
from zowarmup.inspection import kinds
from zowarmup.inspection.results import home_of, place_of
from zowarmup.models.flat import FlatModel
from zowarmup.plan.snapshots import existing
from zowarmup.storage import checkpoint
from zowarmup.storage.checkpoint import Checkpoint
from zowarmup.training import replay
from zowarmup.training.phases import has_records


@dataclass(frozen=True)
class Model:
    """A model, its file (None if rebuilt from a journal), and the folder of its job."""

    saved: Checkpoint
    file: Path | None
    home: Path

    @property
    def round(self) -> int:
        """The last round whose update is in the weights."""
        return self.saved.about.round

    @property
    def network(self) -> FlatModel:
        """The network without its weights."""
        return replay.model_of(self.saved)

    @property
    def w(self) -> Tensor:
        """The weights, (d,) float32.

        Raises:
            UserError: a network of the user's own has changed since.
        """
        network = self.network
        try:
            return network.flatten(self.saved.named)
        except ValueError as error:
            place = self.file or self.home
            raise UserError(f"{place}: {error}; the checkpoint is of another network") from None

    def module(self) -> nn.Module:
        """A plain module with the weights."""
        return self.network.module(self.w)

    @property
    def name(self) -> str:
        """The name of a file for this model, without its ending."""
        place = place_of(self.home)
        job = f"{place.name}-{place.part}-" if place else ""
        return f"{job}round-{self.round:06d}"


def load(file: Path) -> Model:
    """The model of a checkpoint.

    Raises:
        CheckpointError: the file is missing, damaged, or not of this project.
    """
    return Model(checkpoint.load(file), file, home_of(file))


def write(model: Model, output: Path | str, *, overwrite: bool = False) -> None:
    """Write a model as the checkpoint that training would have written.

    Raises:
        UserError: the file exists, and is not to be overwritten.
    """
    _check(output, overwrite)
    checkpoint.save(output, model.network, State(model.w, model.saved.server), model.saved.about)


def export(model: Model, output: Path | str, *, overwrite: bool = False) -> None:
    """Write the weights as a state_dict for `torch.load`, all or nothing.

    Raises:
        UserError: the file exists, and is not to be overwritten.
    """
    _check(output, overwrite)
    state = model.saved.named
    if model.saved.about.network:  # tensors with two names, or that do not train
        state = dict(model.module().state_dict())
    with atomic_file(output) as file:
        torch.save(dict(state), file)


def _check(output: Path | str, overwrite: bool) -> None:
    if Path(output).is_dir():
        raise UserError(f"{output}: is a folder; name a file")
    if Path(output).exists() and not overwrite:
        raise UserError(f"{output}: exists already; name another file or add `--force`")


def latest(path: Path) -> Model:
    """Return the model of a checkpoint, or the latest model of a run or a warm-up.

    Raises:
        UserError: the path does not exist or has no model.
    """
    with reading(path):
        kind, subject = kinds.kind_of(path)
        folder = subject.absolute().parent if kind == kinds.JOURNAL else subject
        if kind == kinds.CHECKPOINT:
            return load(subject)
        if kind in (kinds.RUN, kinds.JOURNAL):
            final = folder / "final.safetensors"
            return load(final) if final.is_file() else replayed(folder)
        files = snapshots(folder) if kind == kinds.WARMUP else {}
        if not files:
            raise UserError(f"{path}: has no model; give a checkpoint or the folder of a run")
        return load(files[max(files)])


def at(path: Path, t: int) -> Model:
    """Return the model of a run or a warm-up after round t, from a checkpoint or by a replay.

    Raises:
        UserError: the round does not exist, or neither a checkpoint nor records lead to it.
    """
    with reading(path):
        kind, folder = kinds.kind_of(path)
        if kind in (kinds.JOURNAL, kinds.CHECKPOINT):
            kind, folder = kinds.kind_of(home_of(folder))
        if kind not in (kinds.RUN, kinds.WARMUP):
            raise UserError(f"{path}: a {kind}; give the folder of a run")
        if kind == kinds.RUN:
            run, final = replay.track(folder), folder / "final.safetensors"
            if t == run.last and final.is_file() and not all(map(has_records, run.phases)):
                return load(final)
            if t >= run.pivot:
                return replayed(folder, t)
            folder = run.start.parent.parent if run.start else folder
        files = snapshots(folder)
        if t not in files:
            rounds = ", ".join(map(str, sorted(files))) or "none"
            raise UserError(
                f"{folder}: round {t} has no snapshot, and this phase leaves no records to replay; "
                f"give one of these rounds: {rounds}"
            )
        return load(files[t])


def replayed(folder: Path, t: int | None = None) -> Model:
    """Replay a run up to round t, by default the last of its journal; a terminal shows a bar.

    Raises:
        UserError: the round does not exist.
    """
    run = replay.track(folder)
    if t is not None:
        replay.check(run, t)
    total = (run.last if t is None else t) - run.pivot + 1
    for step in tqdm(replay.rounds(run), total=total, delay=0.5, leave=False, disable=None):
        end, w = step
        if end == t:
            break
    if t not in (None, end):
        raise UserError(
            f"{folder}: there is no round {t}; the journal goes from {run.pivot} to {end} so far"
        )
    about = run.about.model_copy(update={"round": end})
    return Model(Checkpoint(run.model.named(w.cpu()), about, {}), None, folder)


def snapshots(folder: Path) -> dict[int, Path]:
    """Return the snapshots of a finished or unfinished warm-up, by round."""
    return existing(folder / "snapshots") or existing(folder / "state")
