"""The resume state of a phase in which models travel.

    <folder>/round-000012.safetensors   the model and the server's other tensors
    <folder>/state.json                 the last round, provenance, rows and costs so far

The state is written as often as saving costs almost no time, at once after a round that is a
snapshot, and when the job is told to end. How often changes no result. The folder is not an output
of Snakemake, because Snakemake deletes outputs before it runs a job again.
"""

import hashlib
import json
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from zowarmup.algorithms.rounds import State
from zowarmup.common.errors import STRANGE, UserError
from zowarmup.common.files import atomic_write_text, read_json
from zowarmup.common.signals import Stopped
from zowarmup.plan.pivots.probe import Probe
from zowarmup.runtime.progress import log
from zowarmup.storage import checkpoint, run_json
from zowarmup.storage.provenance import Provenance, difference
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs
from zowarmup.training.loop import Step
from zowarmup.training.metrics_row import MetricsRow

FORMAT = "zowarmup-state-1"
SHARE = 0.05  # largest share of the time that saving may take
SELDOM = 1.0  # least number of seconds between two saves, to spare the file system


@dataclass(frozen=True)
class Saved:
    """The content of state.json, apart from the provenance.

    Attributes:
        t: the round of the latest model.
        models: sha256 of the file of each kept round.
        costs, rows: of all rounds up to t.
        early_change: see training.run.Outcome.
        probes: of a warm-up that records them, up to t.
    """

    t: int
    models: Mapping[int, str]
    costs: Costs
    rows: tuple[MetricsRow, ...]
    early_change: float
    probes: tuple[Probe, ...] = ()

    def text(self, provenance: Provenance) -> str:
        """Return the text of the file, with its digest."""
        values = {
            "format": FORMAT,
            "origin": provenance,
            "t": self.t,
            "tally": asdict(self.costs),
            "rows": [row.to_json() for row in self.rows],
            "early_change": self.early_change if math.isfinite(self.early_change) else None,
            "models": {str(t): sha for t, sha in self.models.items()},
        }
        if self.probes:
            values["probes"] = [probe.to_json() for probe in self.probes]
        return json.dumps(values | {"sha256": _seal(values)})

    @classmethod
    def read(cls, path: Path, provenance: Provenance) -> "Saved":
        """Read a file, which must have this provenance.

        Raises:
            UserError: the file has another version or provenance, or was changed.
        """
        values = read_json(path)
        if values["format"] != FORMAT:
            raise UserError("the saved state is of another version")
        if differs := difference(values["origin"], provenance):
            raise UserError(f"the saved state is stale: {differs}")
        if values.pop("sha256", None) != _seal(values):
            raise UserError("the saved state has changed")
        change = values["early_change"]
        return cls(
            t=values["t"],
            models={int(t): sha for t, sha in values["models"].items()},
            costs=Costs(**values["tally"]),
            rows=tuple(map(MetricsRow.read, values["rows"])),
            early_change=math.nan if change is None else change,
            probes=tuple(map(Probe.read, values.get("probes", ()))),
        )


class ResumeState:
    """Saves steps, and reads the last saved step; a context manager.

    Of several processes, only the first reads and writes; it sends the others what it read.

    Args:
        provenance: of the work; saved work with another provenance is stale and deleted.
        stays: whether the file of a round is kept when files of later rounds are written.

    Attributes:
        state: the last saved state, None if there is nothing to resume.
    """

    def __init__(
        self,
        folder: Path,
        provenance: Provenance,
        context: Context,
        stays: Callable[[int], bool] = lambda t: False,
    ) -> None:
        self.folder, self.provenance, self.stays = folder, provenance, stays
        self.context = context
        self.state: Saved | None = context.group.agree(self._find)
        self.hashes = dict(self.state.models) if self.state else {}
        self.written = self.state.t if self.state else None
        self.latest: tuple[Step, tuple[MetricsRow, ...], float, tuple[Probe, ...]] | None = None
        self.cost, self.at = 0.0, time.monotonic()

    def step(self) -> Step:
        """The step from which to resume."""
        assert self.state is not None
        kept = checkpoint.load(self._file(self.state.t))
        w = self.context.model.flatten(kept.named).to(self.context.device)
        server = {name: tensor.to(self.context.device) for name, tensor in kept.server.items()}
        return Step(self.state.t, State(w, server), self.state.costs)

    def offer(
        self,
        step: Step,
        rows: Sequence[MetricsRow] = (),
        early_change: float = math.nan,
        probes: Sequence[Probe] = (),
    ) -> None:
        """Take a finished step and all rows and probes up to it; save them if a save is due."""
        self.latest = step, tuple(rows), early_change, tuple(probes)
        waited = time.monotonic() - self.at
        if self.stays(step.t) or waited > max(SELDOM, self.cost / SHARE):
            self.save()

    def save(self) -> None:
        """Write the latest step, all or nothing."""
        if self.latest is None or not self.context.group.first:
            return
        step, rows, early_change, probes = self.latest
        began = time.monotonic()
        file = self._file(step.t)
        checkpoint.save(file, self.context.model, step.state, self.context.about(step.t))
        staying = {t: sha for t, sha in self.hashes.items() if self.stays(t)}
        self.hashes = staying | {step.t: run_json.sha256(file)}
        saved = Saved(step.t, self.hashes, step.costs, rows, early_change, probes)
        atomic_write_text(self.folder / "state.json", saved.text(self.provenance))
        before, self.written, self.latest = self.written, step.t, None
        if before is not None and before != step.t and not self.stays(before):
            self._file(before).unlink(missing_ok=True)
        self.at = time.monotonic()
        self.cost = self.at - began

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Stopped):
            self.save()

    def _file(self, t: int) -> Path:
        return checkpoint.snapshot(self.folder, t)

    def _find(self) -> Saved | None:
        """Return the saved state of this provenance, or create an empty folder and return None."""
        if (self.folder / "state.json").exists():
            try:
                return self._read()
            except (UserError, FileNotFoundError, *STRANGE) as error:
                log.warning(f"{self.folder}: starting over: {error}")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        return None

    def _read(self) -> Saved:
        saved = Saved.read(self.folder / "state.json", self.provenance)
        for t, sha in saved.models.items():  # all, because other jobs start from the kept models
            if run_json.sha256(self._file(t)) != sha:
                raise UserError(f"the saved model of round {t} has changed")
        checkpoint.weights(self._file(saved.t), self.context.model)
        for rest in set(self.folder.glob("*.safetensors")) - {*map(self._file, saved.models)}:
            rest.unlink()  # left by a kill between two writes, or before the older file was deleted
        return saved


def _seal(values: Mapping[str, object]) -> str:
    """Return a digest, which shows later changes of the values by a person or by the disk."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
