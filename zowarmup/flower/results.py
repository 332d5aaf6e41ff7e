"""The files of a run of real clients, laid out like the workflow's results.

runs/<run>/<seed>/      journal.jsonl, metrics.csv, run.json, final.safetensors; also nodes.json,
                        the nodes of the run, and missing.json, who missed which round
warmups/<name>/<seed>/  the same of the warm-up but for the nodes, with its snapshot at the pivot
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from zowarmup.algorithms.rounds import State
from zowarmup.common.code_digest import code_digest
from zowarmup.common.files import atomic_write_text, read_json
from zowarmup.common.json_value import Json
from zowarmup.flower.job import Job
from zowarmup.flower.roster import Roster
from zowarmup.plan import graph
from zowarmup.plan.specs import RunSpec, WarmupSpec
from zowarmup.runtime.process_group import ALONE
from zowarmup.storage import checkpoint, machines_json, metrics_csv, provenance, run_json
from zowarmup.storage.provenance import Provenance
from zowarmup.training.context import Context
from zowarmup.training.loop import Step
from zowarmup.training.metrics_row import MetricsRow
from zowarmup.training.run import JOURNAL
from zowarmup.training.sizes import sizes

MISSING = "missing.json"


@dataclass(frozen=True)
class Results:
    """The folders of a run and its files.

    Attributes:
        data: the server's test images, None without.
        run, warmup: the folders; no warm-up in a run that trains all its phases itself.
    """

    job: Job
    roster: Roster
    data: Path | None
    run: Path
    warmup: Path | None

    @property
    def snapshot(self) -> Path | None:
        """The model at the pivot."""
        if self.warmup is None:
            return None
        return checkpoint.snapshot(self.warmup / "snapshots", self.job.spec.pivot)

    def of_warmup(self) -> Provenance:
        """The provenance of the warm-up, which ends at the pivot."""
        values = self.job.spec.model_dump(mode="json")
        first = values.pop("phases")[0]
        values.pop("warmup")
        # Without the job, which has the phases after the pivot: other runs share the warm-up.
        nodes = self.roster.model_dump(mode="json", exclude={"job"})
        return self._provenance(WarmupSpec.read(values | {"phase": first}), nodes)

    def of_run(self) -> Provenance:
        """The provenance of the run."""
        start = os.path.relpath(self.snapshot, self.run) if self.snapshot else None
        nodes = self.roster.model_dump(mode="json")
        return self._provenance(self.job.spec, nodes, start=start)

    def _provenance(
        self, spec: RunSpec | WarmupSpec, nodes: dict[str, Json], **more: str | None
    ) -> Provenance:
        code = code_digest(graph.modules(spec))
        files = {"data": self.data} if self.data else {}
        draws: dict[str, Json] = vars(self.job.seeds)
        return provenance.of(
            spec, code, files, seed=self.job.seed, seeds=draws, nodes=nodes, **more
        )

    def write_warmup(self, context: Context, w: Tensor, rows: Sequence[MetricsRow]) -> None:
        """Write the snapshot at the pivot, metrics and run record of the warm-up."""
        assert self.warmup is not None
        assert self.snapshot is not None
        about = context.about(self.job.spec.pivot)
        checkpoint.save(self.snapshot, context.model, State(w), about)
        metrics = self.warmup / "metrics.csv"
        metrics_csv.write(metrics, [row.columns() for row in rows])
        self._record(self.warmup, [metrics, self.snapshot], self.of_warmup(), context, 1)

    def write_run(self, context: Context, last: Step, rows: Sequence[MetricsRow]) -> None:
        """Write the final model, metrics and run record."""
        spec, final = self.job.spec, self.run / "final.safetensors"
        checkpoint.save(final, context.model, State(last.w), context.about(last.t))
        metrics = self.run / "metrics.csv"
        metrics_csv.write(metrics, [row.columns() for row in rows])
        outputs = [metrics, final, self.run / JOURNAL]
        self._record(self.run, outputs, self.of_run(), context, len(spec.phases))

    def _record(
        self,
        folder: Path,
        outputs: Sequence[Path],
        origin: Provenance,
        context: Context,
        phases: int,
    ) -> None:
        facts = origin | sizes(context, self.job.spec.phases[:phases])
        machines = machines_json.enter(folder, origin, ALONE)
        run_json.write(folder / "run.json", outputs, **facts, machines=machines)

    def read_missing(self) -> dict[int, list[int]]:
        """The clients that missed a round, up to the pivot those of the warm-up."""
        pivot = self.job.spec.pivot
        shared = read_missing(self.warmup) if self.warmup else {}
        before = {t: clients for t, clients in shared.items() if t <= pivot}
        return before | {t: c for t, c in read_missing(self.run).items() if t > pivot}

    def write_missing(self, missing: Mapping[int, Sequence[int]], t: int) -> None:
        """Keep who missed which round after round t; for other runs, also beside the warm-up."""
        write_missing(self.run, missing)
        if self.warmup and t <= self.job.spec.pivot:
            write_missing(self.warmup, missing)


def read_missing(folder: Path) -> dict[int, list[int]]:
    """The clients that missed a round, by round, as an interrupted server left them."""
    if not (file := folder / MISSING).is_file():
        return {}
    return {int(t): [*map(int, clients)] for t, clients in read_json(file).items()}


def write_missing(folder: Path, missing: Mapping[int, Sequence[int]]) -> None:
    """Keep who missed which round."""
    atomic_write_text(folder / MISSING, json.dumps(missing, sort_keys=True) + "\n")
