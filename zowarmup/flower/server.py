"""The server of real clients: the phases of a run, saved and resumed like jobs of the workflow."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from flwr.serverapp import Grid

from zowarmup.algorithms.answers import Answered
from zowarmup.algorithms.rounds import RoundRecord, State
from zowarmup.common.errors import UserError
from zowarmup.flower import measuring, roster, server_context, server_job
from zowarmup.flower.federation import Federation
from zowarmup.flower.fleet import Fleet, hello
from zowarmup.flower.job import Job
from zowarmup.flower.remote_rounds import ByModels, ByScalars
from zowarmup.flower.results import Results
from zowarmup.flower.roster import Roster
from zowarmup.flower.settings import Plain, ServerSettings
from zowarmup.runtime.process_group import ALONE
from zowarmup.runtime.progress import log
from zowarmup.storage import journal as journals
from zowarmup.storage.folder_lock import exclusive
from zowarmup.storage.provenance import Provenance
from zowarmup.training import context, loop, phases
from zowarmup.training.costs import Costs
from zowarmup.training.loop import Step
from zowarmup.training.metrics_row import MetricsRow
from zowarmup.training.phases import TrainingPhase
from zowarmup.training.resume_state import ResumeState
from zowarmup.training.run import JOURNAL


def serve(grid: Grid, run_config: Mapping[str, Plain]) -> Path:
    """Train a run with the nodes that a SuperLink reaches; return the folder of its results.

    Raises:
        UserError: a setting is wrong, nodes are missing, or their data do not go together.
    """
    settings = ServerSettings.of(run_config, "flwr run -c")
    job, paths = server_job.of(settings)
    folder = Path(paths.run(settings.run, settings.seed))
    warmup = Path(paths.warmup(job.spec.warmup, settings.seed)) if job.spec.warmup else None
    clients = settings.clients or paths.plan.config.federations[job.spec.federation].clients
    if not isinstance(clients, int):
        raise UserError("flwr run -c: clients is missing: the config does not say how many")
    with exclusive(folder, ALONE):
        fleet = Fleet(grid, hello(job.model_dump_json()), settings.deadline)
        nodes = _enrolled(fleet, job, clients, settings.enrol, folder)
        Server(job, fleet, settings, Results(job, nodes, settings.data, folder, warmup)).run()
    return folder


def _enrolled(fleet: Fleet, job: Job, clients: int, seconds: float, folder: Path) -> Roster:
    """The nodes of a run: of an interrupted server's file, else those that come."""
    if kept := roster.read(folder, job.fingerprint):
        log.info(f"resuming with the {len(kept.images)} nodes of {folder / roster.FILE}")
        return kept
    fleet.enrol(clients, seconds)
    if others := sorted(fleet.known.keys() - range(clients)):
        log.warning(
            f"client {', '.join(map(str, others))} takes no part: the run has the clients 0 to "
            f"{clients - 1}; set `clients` to the number of nodes"
        )
    nodes = roster.of(job.fingerprint, {i: fleet.known[i] for i in range(clients)})
    roster.write(folder, nodes)
    return nodes


class Server:
    """A run in progress."""

    def __init__(self, job: Job, fleet: Fleet, settings: ServerSettings, files: Results) -> None:
        self.job, self.files = job, files
        self.context = server_context.build(job, files.roster, settings.data)
        ready = phases.prepare(self.context, job.spec.phases)
        limits = [phase.settings.get("catch_up_limit") for phase in job.spec.phases]
        limit = min((int(str(n)) for n in limits if n is not None), default=None)
        self.nodes = Federation(fleet, job.fingerprint, limit, settings.loss)
        self.nodes.missing = files.read_missing()
        self.phases = [self._remote(phase) for phase in ready]

    def _remote(self, phase: TrainingPhase) -> TrainingPhase:
        """The phase with its rounds done by nodes."""
        if phase.has_records:
            method = cast(Answered, phase.algorithm)
            return replace(phase, algorithm=ByScalars(method, self.nodes, phase.first))
        return replace(phase, algorithm=ByModels(phase.algorithm, self.nodes))

    def run(self) -> None:
        """Train all phases and write their files."""
        files = self.files
        step = Step(0, State(context.start(self.context, self.job.seeds, None)), Costs())
        own = self.phases[1 if files.warmup else 0 :]
        if files.warmup:
            with exclusive(files.warmup, ALONE) as folder:
                self.nodes.missing = files.read_missing()  # another run may have trained it
                rows, step = self._travelling(self.phases[0], step, folder, files.of_warmup())
                files.write_warmup(self.context, step.w, rows)
        rows, step = self._own(own, step)
        if own:
            files.write_run(self.context, step, rows)
            if own[-1].has_records and step.t == own[-1].last:
                self._sync(own[-1], step)
        ended = "diverged in" if step.t < self.job.spec.rounds else "finished after"
        log.info(f"{ended} round {step.t}: {files.run if own else files.warmup}")

    def _own(self, own: list[TrainingPhase], step: Step) -> tuple[list[MetricsRow], Step]:
        """The rows and the last step of the phases after the warm-up."""
        rows: list[MetricsRow] = []
        origin, follows = self.files.of_run(), None
        with journals.shared_rounds(self.files.run / JOURNAL, origin, ALONE) as (
            count,
            records,
            keep,
        ):
            if count:
                log.info(f"replaying {count} rounds from the journal")
            for phase in own:
                if phase.has_records:
                    step = loop.begin(self.context, phase, step.w, step.costs, follows)
                    past = itertools.islice(records, phase.rounds)
                    new, step = self._recorded(phase, step, past, keep)
                else:
                    new, step = self._travelling(phase, step, self.files.run, origin)
                rows, follows = rows + new, phase
                if _failed(rows):
                    break
        return rows, step

    def _recorded(
        self,
        phase: TrainingPhase,
        begin: Step,
        past: Iterator[RoundRecord],
        keep: Callable[[RoundRecord], None],
    ) -> tuple[list[MetricsRow], Step]:
        """The rows and the last step of a phase in which scalars travel."""
        step, rows = begin, [] if begin.t else self._due(phase, begin)
        for step in self._steps(phase, begin, past):
            if step.record is not None:
                keep(step.record)
            rows += self._due(phase, step)
            if _failed(rows):
                break
        return rows, step

    def _sync(self, phase: TrainingPhase, step: Step) -> None:
        """Bring the clients to the last round; the results are already written."""
        synced = self.nodes.sync(step.t, phase.clients, step.state)
        log.info(f"{len(synced)} of {len(phase.clients)} nodes hold the model of round {step.t}")

    def _travelling(
        self, phase: TrainingPhase, start: Step, folder: Path, origin: Provenance
    ) -> tuple[list[MetricsRow], Step]:
        """The rows and the last step of a phase in which models travel."""
        state = folder / "state" / (f"phase-{phase.number}" if folder == self.files.run else "")
        with ResumeState(state, origin, self.context, phase.is_end) as saved:
            if saved.state:
                rows, begin = list(saved.state.rows), saved.step()
                log.info(f"resuming after round {begin.t}")
            else:
                begin = loop.begin(self.context, phase, start.w, start.costs)
                rows = self._due(phase, begin) if not begin.t else []
            step = begin
            for step in () if _failed(rows) else self._steps(phase, begin, iter(())):
                rows += self._due(phase, step)
                saved.offer(step, rows)
                if _failed(rows):
                    saved.save()  # so that neither this run nor one that shares it trains it on
                    break
        return rows, step

    def _steps(
        self, phase: TrainingPhase, begin: Step, past: Iterator[RoundRecord]
    ) -> Iterator[Step]:
        """The remaining rounds of a phase, each with a line in the log."""
        began = time.monotonic()
        for step in loop.run(self.context, phase, begin, self.job.seeds, past):
            if step.record is not None or not phase.has_records:
                self.files.write_missing(self.nodes.missing, step.t)
                seconds = time.monotonic() - began
                measuring.say(phase, step, self.nodes, self.job.spec.rounds, seconds)
            yield step
            began = time.monotonic()

    def _due(self, phase: TrainingPhase, step: Step) -> list[MetricsRow]:
        """The row of a round, if it is one in which the model is evaluated."""
        if step.t % self.job.spec.evaluate_every and step.t != phase.last:
            return []
        row = measuring.row(self.context, phase, step, self.nodes.loss)
        measuring.say_row(row)
        return [row]


def _failed(rows: list[MetricsRow]) -> bool:
    """Whether the model had diverged at the last measurement."""
    return bool(rows) and rows[-1].diverged
