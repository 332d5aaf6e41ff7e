"""The saved state of a phase in which models travel: what a killed job goes on from.

    <folder>/round-000012.safetensors   the model, and what the server has beside it
    <folder>/state.json                 which round is the last, what made it, rows and costs so far

Written as often as that costs next to no time, at once where a snapshot is wanted, and when the job
is asked to end. How often changes no number. The folder is none of Snakemake's outputs, which it
deletes before it runs a job again.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from zowarmup.algorithms.rounds import State
from zowarmup.common.errors import STRANGE, UserError
from zowarmup.common.files import atomic_write_text, read_json
from zowarmup.common.signals import Stopped
from zowarmup.runtime.progress import log
from zowarmup.storage import checkpoint, run_json
from zowarmup.storage.provenance import Provenance, difference
from zowarmup.training.context import Context, about
from zowarmup.training.costs import Costs
from zowarmup.training.loop import Step

FORMAT = "zowarmup-state-1"
SHARE = 0.05  # of the time may go into saving
SELDOM = 1.0  # seconds at least between two saves, for the file system's sake

Spec = Mapping[str, Any]


class ResumeState:
    """Saves steps, and finds the last one that was saved; a context manager.

    Only the first of several processes reads and writes; the others are told.

    Args:
        origin: what makes the result; saved work of anything else is thrown away.
        stays: whether the file of a round is kept when later ones are written.

    Attributes:
        found: what was saved last, {} if there is nothing to go on from.
    """

    def __init__(
        self,
        folder: Path,
        provenance: Provenance,
        context: Context,
        spec: Spec,
        stays: Callable[[int], bool] = lambda t: False,
    ) -> None:
        self.folder, self.provenance, self.stays = folder, provenance, stays
        self.context, self.spec = context, spec
        self.found: dict[str, Any] = context.group.agree(self._find)
        self.hashes: dict[str, str] = dict(self.found.get("models", {}))  # by round
        self.written: int | None = self.found.get("t")
        self.latest: tuple[Step, dict[str, Any]] | None = None
        self.cost, self.at = 0.0, time.monotonic()

    def step(self) -> Step:
        """Where to go on."""
        kept = checkpoint.load(self._file(self.found["t"]))
        w = self.context.model.flatten(kept.named).to(self.context.device)
        server = {name: tensor.to(self.context.device) for name, tensor in kept.server.items()}
        return Step(self.found["t"], State(w, server), Costs(**self.found["tally"]))

    def offer(self, step: Step, **more: Any) -> None:
        """A step is done, with everything in `more` as of this step; save it if that is due."""
        self.latest = step, more
        waited = time.monotonic() - self.at
        if self.stays(step.t) or waited > max(SELDOM, self.cost / SHARE):
            self.save()

    def save(self) -> None:
        """Write the latest step, all or nothing."""
        if self.latest is None or not self.context.group.first:
            return
        step, more = self.latest
        began = time.monotonic()
        facts = about(self.context, self.spec, step.t)
        checkpoint.save(self._file(step.t), self.context.model, step.state, facts)
        told = {
            "format": FORMAT,
            "origin": self.provenance,
            "t": step.t,
            "tally": asdict(step.costs),
        }
        staying = {t: sha for t, sha in self.hashes.items() if self.stays(int(t))}
        self.hashes = staying | {str(step.t): run_json.sha256(self._file(step.t))}
        told |= more | {"models": self.hashes}
        atomic_write_text(self.folder / "state.json", json.dumps(told | {"sha256": _seal(told)}))
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

    def _find(self) -> dict[str, Any]:
        """What was saved last; where that is nothing of ours, an empty folder is made."""
        if (self.folder / "state.json").exists():
            try:
                saved = self._read()
            except (UserError, FileNotFoundError, *STRANGE) as error:
                log.warning(f"{self.folder}: starting over: {error}")
            else:
                return saved
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        return {}

    def _read(self) -> dict[str, Any]:
        saved: dict[str, Any] = read_json(self.folder / "state.json")
        if saved["format"] != FORMAT:
            raise UserError("what is saved is of another version")
        if differs := difference(saved["origin"], self.provenance):
            raise UserError(f"what is saved was made otherwise: {differs}")
        if saved.pop("sha256", None) != _seal(saved):
            raise UserError("what is saved was changed")
        for t, sha in saved["models"].items():  # all that stay: others start from any of them
            if run_json.sha256(self._file(int(t))) != sha:
                raise UserError(f"the model of round {t} that is saved was changed")
        checkpoint.weights(self._file(saved["t"]), self.context.model)
        kept = {self._file(int(t)) for t in saved["models"]}
        for rest in set(self.folder.glob("*.safetensors")) - kept:
            rest.unlink()  # a kill came between the two files, or before the older one was gone
        return saved


def _seal(told: Mapping[str, Any]) -> str:
    """What tells whether somebody, or the disk, has changed it since."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
