"""The paths of all files, and the files that each training job reads."""

from pathlib import Path

from zowarmup.common.json_value import JsonObject
from zowarmup.config import tables_and_figures
from zowarmup.plan.own_work import check_of, is_own
from zowarmup.plan.plan import Cell, Plan
from zowarmup.plan.specs import JobSpec, RunSpec, SelectionSpec, TrainingSpec

Inputs = dict[str, str | list[str]]


class Paths:
    """The files of one plan, below a folder for the results of all configs."""

    def __init__(self, plan: Plan, results: str = "results") -> None:
        self.plan = plan
        self.results = results
        self.root = f"{results}/{plan.name}"

    def dataset(self, dataset: str) -> str:
        """The file with the images."""
        return f"{self.root}/datasets/{dataset}/dataset.npz"

    def federation(self, federation: str, seed: int | str) -> str:
        """The file that says which images each client has."""
        return f"{self.root}/federations/{federation}/{seed}/federation.json"

    def warmup(self, warmup: str, seed: int | str) -> str:
        """The folder of a warm-up."""
        return f"{self.root}/warmups/{warmup}/{seed}"

    def probes(self, spec: RunSpec, seed: int | str) -> str:
        """The file with the probes by which a run decides something; "" if it decides nothing."""
        if not spec.warmup or not spec.reads_probes:
            return ""
        return f"{self.warmup(spec.warmup, seed)}/probes.csv"

    def run(self, run: str, seed: int | str) -> str:
        """The folder of a run."""
        return f"{self.root}/runs/{run}/{seed}"

    def selection(self, selection: str) -> str:
        """The file of a selected learning rate."""
        return f"{self.root}/selections/{selection}/selection.json"

    def training_inputs(self, spec: TrainingSpec, seed: int | str) -> Inputs:
        """Return the inputs of a job that trains; for a selection, those of all its seeds."""
        inputs: Inputs = {"data": self.dataset(spec.dataset)}
        if is_own(spec):
            inputs["checked"] = self.checked(check_of(spec)[0])
        inputs["selections"] = [self.selection(name) for name in spec.selections]
        if isinstance(spec, SelectionSpec):
            return inputs | {"federations": [self._dealt(spec, s) for s in spec.seeds]}
        inputs["federation"] = self._dealt(spec, seed)
        if isinstance(spec, RunSpec) and spec.warmup:
            folder = self.warmup(spec.warmup, seed)
            inputs["warmup"] = f"{folder}/snapshots"
            inputs["warmup_metrics"] = f"{folder}/metrics.csv"
            inputs |= {"probes": probes} if (probes := self.probes(spec, seed)) else {}
        return inputs

    def cells(self, scope: str) -> list[tuple[Cell, int]]:
        """Return the cells of a scope ("" or "studies/<study>/"), once for each seed."""
        study = scope.removeprefix("studies/").rstrip("/")
        cells = [cell for cell in self.plan.cells if study in ("", cell.study)]
        return [(cell, seed) for cell in cells for seed in cell.seeds]

    def described(self, cell: Cell, seed: int) -> JsonObject:
        """Return a cell and its files as plain values, which `collect_metrics` gets as params."""
        spec = self.plan.runs[cell.run]
        federation = self.plan.config.federations[spec.federation]
        more: JsonObject = {"probes": probes} if (probes := self.probes(spec, seed)) else {}
        return more | {
            "study": cell.study,
            "method": cell.method,
            "label": cell.label,
            "variant": cell.variant,
            "split": cell.split,
            "run": cell.run,
            "seed": seed,
            "clients": federation.clients,
            "alpha": federation.alpha,
            "federation": self._dealt(spec, seed),
            "spec": spec.model_dump(mode="json"),
            "parts": [*self._parts(spec, cell.run, seed)],
            "selections": [self.selection(name) for name in spec.selections],
        }

    def collect_inputs(self, scope: str) -> Inputs:
        """Every file that the cells of a scope name."""
        cells = self.cells(scope)
        federations, parts, selections = self._behind(cells)
        probes = {self.probes(self.plan.runs[cell.run], seed) for cell, seed in cells} - {""}
        inputs: Inputs = {"probes": sorted(probes)} if probes else {}
        return inputs | {
            "federations": sorted(federations),
            "parts": sorted(f"{part}/{file}" for part in parts for file in _READ),
            "selections": sorted(selections),
        }

    def work(self, scope: str) -> list[str]:
        """Return the file of a scope's rows and one file of every job behind them, for a target.

        Snakemake does not recreate a missing file if later files exist: after an interrupted rerun
        it would find nothing to do, and keep the rows of the old code or settings.
        """
        return [self.metrics(scope), *self.work_of(self.cells(scope))]

    def work_of(self, cells: list[tuple[Cell, int]]) -> list[str]:
        """One file of every job behind some cells, sorted."""
        federations, parts, selections = self._behind(cells)
        data = {self.dataset(self.plan.runs[cell.run].dataset) for cell, _ in cells}
        return sorted({*federations, *selections, *data, *(f"{part}/run.json" for part in parts)})

    def _behind(self, cells: list[tuple[Cell, int]]) -> tuple[set[str], set[str], set[str]]:
        """Return the federations, the folders with metrics and the selections of some cells."""
        specs = [(self.plan.runs[cell.run], cell.run, seed) for cell, seed in cells]
        return (
            {self._dealt(spec, seed) for spec, _, seed in specs},
            {part for spec, run, seed in specs for part in self._parts(spec, run, seed)},
            {self.selection(name) for spec, *_ in specs for name in spec.selections},
        )

    def checked(self, check: str) -> str:
        """The file that a check of code of the user's own writes."""
        return f"{self.root}/checks/{check}/checked.json"

    def metrics(self, scope: str = "") -> str:
        """The file with all rows of a scope."""
        return f"{self.root}/{scope}metrics.csv"

    def trials(self) -> str:
        """All trials of learning rates."""
        return f"{self.root}/trials.csv"

    def repeat(self) -> Inputs:
        """Return the rows of the config that repeats this one if they exist; no rule makes them."""
        name = self.plan.config.repeat
        file = f"{self.results}/{name}/metrics.csv"
        # The repeat itself extends the config that names it, and keeps the key.
        usable = name not in (None, self.plan.name) and Path(file).is_file()
        return {"repeat": file} if usable else {}

    def memory(self, model: str, role: str) -> str:
        """The file with the measured memory of a client that trains a network."""
        return f"{self.root}/memory/{model}/{role}.json"

    def curvature(self, warmup: str, seed: int | str) -> str:
        """The file with the curvature of the loss at the models of a warm-up."""
        return f"{self.root}/curvature/{warmup}/{seed}.json"

    def curvature_inputs(self, warmup: str, seed: int | str) -> Inputs:
        """The inputs of the job that measures the curvature along a warm-up."""
        spec = self.plan.warmups[warmup]
        return {
            "data": self.dataset(spec.dataset),
            "federation": self._dealt(spec, seed),
            "snapshots": f"{self.warmup(warmup, seed)}/snapshots",
        }

    def curvature_points(self) -> dict[tuple[str, int], list[int]]:
        """Return, for each (warm-up, seed) of the study `depth`, round 0 and the pivots."""
        points: dict[tuple[str, int], list[int]] = {}
        for cell, seed in self.cells("studies/depth/"):
            spec = self.plan.runs[cell.run]
            if spec.warmup and spec.own_phases and not spec.pivot_rule:
                rounds = points.setdefault((spec.warmup, seed), [0])
                rounds += [spec.pivot] * (spec.pivot not in rounds)
        return points

    def shown_inputs(self, rule: str, name: str, scope: str) -> Inputs:
        """Return the inputs of a table or figure: metrics, and for some what they show beside."""
        inputs: Inputs = {"metrics": self.metrics(scope)}
        if name in tables_and_figures.NEED_TRIALS:
            inputs["trials"] = [self.trials()]
        if rule == "table" and name in tables_and_figures.NEED_MEMORY:
            models = self.plan.config.memory.models
            inputs["measured"] = [self.memory(m, role) for m in models for role in MEMORY_ROLES]
        if name in tables_and_figures.NEED_GROWTH:
            inputs["measured"] = [self.memory(*place) for place in self.plan.config.memory.growing]
        if name in tables_and_figures.NEED_CURVATURE:
            inputs["measured"] = [self.curvature(*point) for point in self.curvature_points()]
        if rule == "figure" and (probed := self.probed(name)):
            inputs["probes"] = [*probed]
        if rule == "figure" and (shown := self.federations(name)):
            inputs["federations"] = [*shown.values()]
        return inputs

    def probed(self, figure: str) -> dict[str, JsonObject]:
        """Return the files of probes that a figure shows, each with the labels of its rows."""
        files: dict[str, JsonObject] = {}
        study = f"studies/{figure}/"
        for cell, seed in self.cells(study) if figure in tables_and_figures.NEED_PROBES else ():
            spec = self.plan.runs[cell.run]
            if file := self.probes(spec, seed):
                alpha = self.plan.config.federations[spec.federation].alpha
                job = {"dataset": spec.dataset, "model": spec.model, "split": cell.split}
                files[file] = {**job, "alpha": alpha, "seed": seed}
        return files

    def federations(self, figure: str) -> dict[str, str]:
        """Return, by data set, the federations that a figure shows, for the first seed.

        For the config's data set this is the config's federation, even if a study varies it; for
        another data set of the study `main`, it is the first federation used there.
        """
        if figure not in tables_and_figures.NEED_FEDERATION:
            return {}
        config = self.plan.config
        shown = {config.federations[config.federation].dataset: config.federation}
        for cell, _ in self.cells("studies/main/"):
            spec = self.plan.runs[cell.run]
            shown.setdefault(spec.dataset, spec.federation)
        seed = config.seeds[0] if isinstance(config.seeds, list) else 0
        pinned = config.pin.get("federation", seed)
        return {dataset: self.federation(name, pinned) for dataset, name in shown.items()}

    def targets(self, scope: str = "") -> Inputs:
        """Return the results of a scope: tables, figures, work and, without a study, verdicts."""
        study = scope.removeprefix("studies/").rstrip("/")
        shown = {*tables_and_figures.SHOWS}
        if study:  # what shows trials needs the selections of all studies
            shown = {name for name in shown if tables_and_figures.shows(name, study)}
            shown -= {*tables_and_figures.NEED_TRIALS}
        tables, figures = self.plan.config.tables, self.plan.config.figures
        pages = [] if study else ["claims.csv", "signatures.csv", "front_page.html"]
        pages += ["trials.csv"] * (self.plan.decides != {} and not study)
        folder = f"{self.root}/{scope}"
        return {
            "tables": [f"{folder}tables/{name}.csv" for name in tables if name in shown],
            "figures": [f"{folder}figures/{name}.svg" for name in figures if name in shown],
            "verdicts": [folder + page for page in pages],
            "work": self.work(scope),
        }

    def _parts(self, spec: RunSpec, run: str, seed: int) -> list[str]:
        """Return the folders whose metrics, in this order, make up the metrics of a run."""
        warmup = [self.warmup(spec.warmup, seed)] if spec.warmup else []
        return warmup + [self.run(run, seed)] * bool(spec.own_phases)

    def _dealt(self, spec: JobSpec, seed: int | str) -> str:
        return self.federation(spec.federation, spec.pin.get("federation", seed))


MEMORY_ROLES = ("high", "low", "low1")  # see jobs.memory
_READ = ("metrics.csv", "run.json")
