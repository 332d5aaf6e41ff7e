"""The workflow in one process: make a job's files, after those of the jobs that it waits for."""

from collections.abc import Callable, Iterable
from pathlib import Path

from zowarmup.analysis.collect import rows
from zowarmup.common import preflight, user_paths
from zowarmup.common.code_digest import code_digest
from zowarmup.common.errors import UserError
from zowarmup.data import dataset_file, federation
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation_value import Federation
from zowarmup.jobs import check_own, dataset, select, train, warmup
from zowarmup.plan import graph, replaced_data, snapshots, source_record
from zowarmup.plan.graph import Job
from zowarmup.plan.paths import Paths
from zowarmup.plan.plan import plan
from zowarmup.plan.specs import TrainingSpec
from zowarmup.runtime import launch
from zowarmup.storage import finished, selection_json

TRAINING: dict[str, Callable[..., None]] = {
    "warmup": warmup.warm_up,
    "select": select.select_rates,
    "train": train.train_run,
}


class Maker:
    """Writes the files that are missing below a results folder.

    Existing files count as finished if they have the settings of the config; else they are refused.
    """

    def __init__(self, config: str | Path, results: str | Path = "results") -> None:
        preflight.check()
        self.plan = plan([str(config)])
        whole = user_paths.folder(results, "results")
        user_paths.folder(whole / self.plan.name, "results")
        self.paths = Paths(self.plan, str(whole))
        snapshots.check(self.paths)
        self.checked: set[Job] = set()
        for question in (source_record.reconfigured, source_record.replaced):
            for sentence in replaced_data.changed(self.paths, question):
                raise UserError(
                    f"{sentence}; run snakemake to recreate it and all that depends on "
                    "it, or write to another folder with --results"
                )

    def metrics(self, runs: Iterable[str] | None, seeds: Iterable[int] | None) -> Path:
        """Make the tidy file of some runs and seeds (by default all); return its path.

        Raises:
            UserError: a run or a seed is not in the config.
        """
        names = set(self.plan.runs if runs is None else runs)
        for name in names - set(self.plan.runs):
            raise UserError(
                f"runs: {name}: the config has no such run; use one of {self.plan.like(name)}"
            )
        cells = [(cell, seed) for cell, seed in self.paths.cells("") if cell.run in names]
        used = {seed for _, seed in cells}
        chosen = used if seeds is None else set(seeds)
        if chosen - used or not chosen:
            raise UserError(
                f"seeds: no study of these runs uses {sorted(chosen - used)}; choose from "
                f"{sorted(used)}"
            )
        cells = [(cell, seed) for cell, seed in cells if seed in chosen]
        jobs = [graph.job_of(self.paths, file) for file in self.paths.work_of(cells)]
        # First what decides the rates of finished runs.
        for job in sorted(jobs, key=lambda job: job.rule != "select"):
            self.make(job)
        output = Path(self.paths.root) / "selected-metrics.csv"
        rows.collect([self.paths.described(*cell) for cell in cells], output)
        return output

    def make(self, job: Job) -> None:
        """Make the outputs of a run, or of a job before runs, unless all of them exist."""
        files = graph.outputs(self.paths, job)
        if all(Path(file).exists() for file in files.values()):
            return self._check(job, files)
        for other in graph.waits_for(self.paths, job):
            self.make(other)
        config = self.plan.config
        match job:
            case Job("dataset", name):
                settings = config.datasets[name]
                compared = source_record.compared(files["data"], settings)
                dataset.make(settings, compared, files["data"])
            case Job("federation"):
                federation.save(self._dealt(job)[1], files["federation"])
            case Job("check_own", name):
                check = self.plan.own_checks[name]
                check_own.check(
                    check.model_dump(mode="json"),
                    graph.dealt(self.plan, check),
                    config.jobs.memory_mb,
                    data=self.paths.dataset(check.dataset),
                    checked=files["checked"],
                )
            case _:
                self._train(job, files)

    def _dealt(self, job: Job) -> tuple[Dataset, Federation]:
        settings = self.plan.config.federations[job.name].model_dump()
        data = dataset_file.load(self.paths.dataset(settings.pop("dataset")))
        return data, federation.build(data, seed=int(job.part), **settings)

    def _check(self, job: Job, files: dict[str, str]) -> None:
        """Refuse finished work of other settings; a data set was checked before."""
        if job in self.checked:
            return
        self.checked.add(job)
        file = Path(next(iter(files.values())))
        change = ""
        if job.rule == "federation":
            data, dealt = self._dealt(job)
            if federation.load(file, data).model_dump() != dealt.model_dump():
                change = "it was dealt with other settings than those"
        elif job.rule in TRAINING:
            file = file if job.rule == "select" else file.parent / "run.json"
            change = finished.change(file, self._decided(job)) if file.is_file() else ""
        if change:
            raise UserError(
                f"{file}: {change} in the config or its selections; delete it and all that "
                "depends on it, or write to another folder with --results"
            )

    def _decided(self, job: Job) -> TrainingSpec:
        """The spec of a job, with the rates that selections have chosen as numbers."""
        spec = graph.spec_of(self.plan, job)
        selections = graph.inputs(self.paths, job)["selections"]
        if not all(Path(file).is_file() for file in selections):
            return spec
        return selection_json.with_rates(spec, selections)

    def _train(self, job: Job, files: dict[str, str]) -> None:
        spec = graph.spec_of(self.plan, job)
        arguments = [
            spec.model_dump(mode="json"),
            *([int(job.part)] if job.part else []),
            code_digest(graph.modules(spec)),
        ]
        inputs = graph.inputs(self.paths, job)
        inputs.pop("checked", None)  # the job itself does not read it
        Path(next(iter(files.values()))).parent.mkdir(parents=True, exist_ok=True)
        processes = self.plan.config.engine.processes
        launch.run(processes, TRAINING[job.rule], *arguments, **inputs, **files)
