"""The workflow in one process: makes a file, and first whatever it is made from."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zowarmup.analysis.collect import rows
from zowarmup.common import preflight, user_paths
from zowarmup.common.code_digest import code_digest
from zowarmup.common.errors import UserError
from zowarmup.data import datasets, federation
from zowarmup.jobs import dataset as job_dataset
from zowarmup.jobs import select, train
from zowarmup.jobs import warmup as job_warmup
from zowarmup.plan import replaced_data, snapshots, source_record
from zowarmup.plan.job_digest import modules, own_phases
from zowarmup.plan.paths import Paths, selected
from zowarmup.plan.plan import plan
from zowarmup.runtime import launch


class Maker:
    """Makes what is missing below a results folder.

    Of what is there it only looks whether a data set was made from other files or settings.
    """

    def __init__(self, config: str | Path, results: str | Path = "results") -> None:
        preflight.check()
        self.plan = plan([str(config)])
        whole = user_paths.folder(results, "results")
        user_paths.folder(whole / self.plan.name, "results")
        self.paths = Paths(self.plan, str(whole))
        snapshots.check(self.paths)
        replaced_data.check_folders(self.paths)
        self._check_data()

    def _check_data(self) -> None:
        for question in (source_record.reconfigured, source_record.replaced):
            for sentence in replaced_data.changed(self.paths, question):
                raise UserError(
                    f"{sentence}; run snakemake to recreate it and what follows, or write "
                    "elsewhere with --results"
                )

    def metrics(self, runs: Iterable[str] | None, seeds: Iterable[int] | None) -> Path:
        """The tidy file of some runs and seeds.

        Raises:
            UserError: a run or a seed is not in the config.
        """
        names = list(self.plan.runs) if runs is None else list(runs)
        for name in names:
            if name not in self.plan.runs:
                known = ", ".join(self.plan.runs)
                raise UserError(f"runs: {name}: the config has no such run; use one of {known}")
        chosen = None if seeds is None else set(seeds)
        cells = [
            cell
            for cell in self.paths.cells("")
            if cell["run"] in names and (chosen is None or cell["seed"] in chosen)
        ]
        if not cells:
            raise UserError(f"seeds: {sorted(chosen or [])}: no study of these runs has them")
        for cell in cells:
            self.run(cell["run"], cell["seed"])
            self.federation(cell["federation"], cell["spec"])
        output = Path(self.paths.root) / "selected-metrics.csv"
        rows.collect(cells, output)
        return output

    def run(self, run: str, seed: int) -> None:
        """One run, unless it is there."""
        spec = self.plan.runs[run]
        if spec["warmup"]:
            self.warmup(spec["warmup"], seed)
        folder = Path(self.paths.run(run, seed))
        if not own_phases(spec) or _there(folder, "run.json", "metrics.csv", "final.safetensors"):
            return
        inputs = self._world(spec, self.paths.run_inputs(run, seed), spec["phases"])
        folder.mkdir(parents=True, exist_ok=True)
        launch.run(
            self.plan.config.engine.processes,
            train.train_run,
            spec,
            seed,
            code_digest(modules(spec)),
            data=inputs["data"],
            federation=inputs["federation"],
            selections=inputs["selections"],
            warmup=inputs.get("warmup"),
            warmup_metrics=inputs.get("warmup_metrics"),
            metrics=folder / "metrics.csv",
            run_record=folder / "run.json",
            final=folder / "final.safetensors",
        )

    def warmup(self, warmup: str, seed: int) -> None:
        """One warm-up, unless it is there."""
        spec = self.plan.warmups[warmup]
        folder = Path(self.paths.warmup(warmup, seed))
        if _there(folder, "run.json", "metrics.csv", "snapshots"):
            return
        inputs = self._world(spec, self.paths.warmup_inputs(warmup, seed), [spec["phase"]])
        folder.mkdir(parents=True, exist_ok=True)
        launch.run(
            self.plan.config.engine.processes,
            job_warmup.warm_up,
            spec,
            seed,
            code_digest(modules(spec)),
            **inputs,
            snapshots=folder / "snapshots",
            metrics=folder / "metrics.csv",
            run_record=folder / "run.json",
        )

    def selection(self, selection: str) -> None:
        """The choice of one learning rate, unless it is there."""
        if Path(self.paths.selection(selection)).exists():
            return
        spec = self.plan.selections[selection]
        if spec["warmup"]:
            for seed in spec["seeds"]:
                self.warmup(spec["warmup"], seed)
        for other in selected([spec["phase"]]):
            self.selection(other)
        inputs = self.paths.selection_inputs(selection)
        self.dataset(spec["dataset"])
        for file in inputs["federations"]:
            self.federation(file, spec)
        launch.run(
            self.plan.config.engine.processes,
            select.select_rate,
            spec,
            code_digest(modules(spec)),
            **inputs,
            selection=self.paths.selection(selection),
        )

    def federation(self, file: str, spec: dict[str, Any]) -> None:
        """Who holds what, unless it is there."""
        self.dataset(spec["dataset"])
        if not Path(file).exists():
            settings = self.plan.config.federations[spec["federation"]].model_dump()
            data = datasets.load(self.paths.dataset(settings.pop("dataset")))
            seed = int(Path(file).parent.name)
            federation.save(federation.build(data, seed=seed, **settings), file)

    def dataset(self, name: str) -> None:
        """The images, unless they are there."""
        file = Path(self.paths.dataset(name))
        if not _there(file.parent, file.name, "dataset.json"):
            settings = self.plan.config.datasets[name]
            job_dataset.make(settings, source_record.compared(file, settings), file)

    def _world(self, spec: Any, inputs: dict[str, Any], phases: list[Any]) -> dict[str, Any]:
        """The inputs of a job, once they are there."""
        self.federation(inputs["federation"], spec)
        for selection in selected(phases):
            self.selection(selection)
        return inputs


def _there(folder: Path, *outputs: str) -> bool:
    """Whether a job has nothing to do: somebody may have taken a part of its results away."""
    return all((folder / name).exists() for name in outputs)
