"""The paths of all files, and the files that each training job reads."""

from typing import Any

from zowarmup.common.json_value import Json
from zowarmup.config import registry
from zowarmup.plan.plan import Cell, Plan
from zowarmup.plan.specs import JobSpec, TrainingSpec

Inputs = dict[str, str | list[str]]
Cells = dict[str, Any]  # plain values, for Snakemake to record


class Paths:
    """The files of one plan, below a folder for the results of all configs."""

    def __init__(self, plan: Plan, results: str = "results") -> None:
        self.plan = plan
        self.root = f"{results}/{plan.name}"

    def dataset(self, dataset: str) -> str:
        """The images."""
        return f"{self.root}/datasets/{dataset}/dataset.npz"

    def federation(self, federation: str, seed: int | str) -> str:
        """The images of each client."""
        return f"{self.root}/federations/{federation}/{seed}/federation.json"

    def warmup(self, warmup: str, seed: int | str) -> str:
        """Folder of a warm-up."""
        return f"{self.root}/warmups/{warmup}/{seed}"

    def run(self, run: str, seed: int | str) -> str:
        """Folder of a run."""
        return f"{self.root}/runs/{run}/{seed}"

    def selection(self, selection: str) -> str:
        """The file of a selected learning rate."""
        return f"{self.root}/selections/{selection}/selection.json"

    def warmup_inputs(self, warmup: str, seed: int | str) -> Inputs:
        """The inputs of a warm-up."""
        spec = self.plan.warmups[warmup]
        return self._common(spec, seed) | self._selections(spec)

    def run_inputs(self, run: str, seed: int | str) -> Inputs:
        """The inputs of a run: data, federation, selected learning rates and its start."""
        spec = self.plan.runs[run]
        start: Inputs = {}
        if spec.warmup:
            folder = self.warmup(spec.warmup, seed)
            start = {"warmup": f"{folder}/snapshots", "warmup_metrics": f"{folder}/metrics.csv"}
        return self._common(spec, seed) | self._selections(spec) | start

    def selection_inputs(self, selection: str) -> Inputs:
        """The inputs of a selection, for each of its seeds."""
        spec = self.plan.selections[selection]
        folders = [self.warmup(spec.warmup, seed) for seed in spec.seeds] if spec.warmup else []
        inputs: Inputs = {
            "data": self.dataset(spec.dataset),
            "federations": [self._dealt(spec, seed) for seed in spec.seeds],
            "warmups": [f"{folder}/snapshots" for folder in folders],
        }
        return inputs | self._selections(spec)

    def cells(self, scope: str) -> list[Cells]:
        """The cells of a scope, "" or "studies/<study>/", one for each seed, for collecting."""
        return [
            {
                "study": cell.study,
                "method": cell.method,
                "label": cell.label,
                "variant": cell.variant,
                "split": cell.split,
                "run": cell.run,
                "seed": seed,
                "clients": self._settings(cell)["clients"],
                "alpha": self._settings(cell)["alpha"],
                "federation": self._dealt(self.plan.runs[cell.run], seed),
                "spec": self.plan.runs[cell.run].model_dump(mode="json"),
                "parts": self._parts(cell.run, seed),
                "selections": [
                    self.selection(name) for name in self.plan.runs[cell.run].selections
                ],
            }
            for cell in self._in_scope(scope)
            for seed in cell.seeds
        ]

    def collect_inputs(self, scope: str) -> Inputs:
        """Every file that the cells of a scope name."""
        cells = self.cells(scope)
        parts = [f"{part}/{file}" for cell in cells for part in cell["parts"] for file in _READ]
        return {
            "federations": sorted({cell["federation"] for cell in cells}),
            "parts": sorted(set(parts)),
            "selections": sorted({file for cell in cells for file in cell["selections"]}),
        }

    def work(self, scope: str) -> list[str]:
        """The rows of a scope and one file of every job behind them, for a target to ask for.

        Snakemake does not miss a file whose successors are there: after a rerun that was cut off
        it would find nothing to do, and leave the rows of the code or settings before.
        """
        return [self.metrics(scope), *self.work_of(self.cells(scope))]

    def work_of(self, cells: list[Cells]) -> list[str]:
        """One file of every job behind some cells, sorted."""
        files = {f"{part}/run.json" for cell in cells for part in cell["parts"]}
        files |= {file for cell in cells for file in cell["selections"]}
        files |= {cell["federation"] for cell in cells}
        files |= {self.dataset(cell["spec"]["dataset"]) for cell in cells}
        return sorted(files)

    def metrics(self, scope: str = "") -> str:
        """All rows of a scope."""
        return f"{self.root}/{scope}metrics.csv"

    def memory(self, model: str, role: str) -> str:
        """The measured memory of a client of a network."""
        return f"{self.root}/memory/{model}/{role}.json"

    def memory_settings(self) -> dict[str, Json]:
        """The settings of that measurement."""
        config = self.plan.config
        settings: dict[str, Json] = config.memory.model_dump(exclude={"models"})
        return settings | {"device": config.engine.device, "threads": config.engine.threads}

    def table_inputs(self, table: str) -> Inputs:
        """The inputs of a table beside the metrics: one shows the memory of clients."""
        if table not in registry.NEED_MEMORY:
            return {}
        models = self.plan.config.memory.models
        return {"measured": [self.memory(m, role) for m in models for role in MEMORY_ROLES]}

    def figure_inputs(self, figure: str) -> Inputs:
        """The inputs of a figure beside the metrics."""
        shown = self.federations(figure)
        return {"federations": [*shown.values()]} if shown else {}

    def federations(self, figure: str) -> dict[str, str]:
        """By data set, the federation of the first seed that a figure shows, if it shows any.

        It is the config's, also where a study varies it; of another data set of the main
        comparison the first one that is used there.
        """
        if figure not in registry.NEED_FEDERATION:
            return {}
        config = self.plan.config
        used = [self.plan.runs[cell.run] for cell in self._in_scope("studies/main/")]
        shown = {config.federations[config.federation].dataset: config.federation}
        for spec in used:
            shown.setdefault(spec.dataset, spec.federation)
        seed = config.seeds[0] if isinstance(config.seeds, list) else 0
        pinned = config.pin.get("federation", seed)
        return {dataset: self.federation(name, pinned) for dataset, name in shown.items()}

    def targets(self, scope: str = "") -> Inputs:
        """The results of a scope: tables, figures, and the work behind them; verdicts of all."""
        study = scope.removeprefix("studies/").rstrip("/")
        shown = {name for name, studies in registry.SHOWS.items() if study in ("", *studies)}
        tables, figures = self.plan.config.tables, self.plan.config.figures
        pages = () if study else ("claims.csv", "signatures.csv", "front_page.html")
        folder = f"{self.root}/{scope}"
        return {
            "tables": [f"{folder}tables/{name}.csv" for name in tables if name in shown],
            "figures": [f"{folder}figures/{name}.svg" for name in figures if name in shown],
            "verdicts": [folder + page for page in pages],
            "work": self.work(scope),
        }

    def _in_scope(self, scope: str) -> list[Cell]:
        study = scope.removeprefix("studies/").rstrip("/")
        return [cell for cell in self.plan.cells if study in ("", cell.study)]

    def _settings(self, cell: Cell) -> dict[str, Json]:
        federation = self.plan.runs[cell.run].federation
        return self.plan.config.federations[federation].model_dump()

    def _parts(self, run: str, seed: int) -> list[str]:
        """The folders whose metrics, one after the other, are those of a run."""
        spec = self.plan.runs[run]
        warmup = [self.warmup(spec.warmup, seed)] if spec.warmup else []
        return warmup + [self.run(run, seed)] * bool(spec.own_phases)

    def _common(self, spec: JobSpec, seed: int | str) -> Inputs:
        return {"data": self.dataset(spec.dataset), "federation": self._dealt(spec, seed)}

    def _dealt(self, spec: JobSpec, seed: int | str) -> str:
        return self.federation(spec.federation, spec.pin.get("federation", seed))

    def _selections(self, spec: TrainingSpec) -> Inputs:
        return {"selections": [self.selection(name) for name in spec.selections]}


MEMORY_ROLES = ("high", "low", "low1")  # see jobs.memory
_READ = ("metrics.csv", "run.json")
