"""The values that the rules need from a config, in plain types that Snakemake can record.

No torch, because every job of a cluster reads the rules again, and this module with them.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from zowarmup.common import user_paths
from zowarmup.common.code_digest import code_digest
from zowarmup.common.json_value import JsonObject
from zowarmup.config import registry, tables_and_figures
from zowarmup.config.datasets import PLACES, FileData
from zowarmup.plan import graph, replaced_data, snapshots, source_record
from zowarmup.plan.graph import Job
from zowarmup.plan.paths import MEMORY_ROLES, Inputs, Paths
from zowarmup.plan.plan import plan

BYTES = 256  # different tokens of a text
PARTS = ("seed", "role", "scope")  # the wildcards that stand for a job's part


class Workflow:
    """One config, as the rules use it.

    Args:
        files: the configs, later ones laid over earlier ones.
        overrides: the values of `snakemake --config`.
        checkout: the folder of the Snakefile.

    Raises:
        UserError: one sentence about what is wrong with the config, and the fix.
    """

    def __init__(self, files: list[str], overrides: Mapping[str, object], checkout: str) -> None:
        self.plan = plan(files, overrides)
        self.config, self.paths = self.plan.config, Paths(self.plan)
        self.scripts = Path(checkout, "workflow", "scripts")
        self.claims = user_paths.find("claims", self.config.claims, files, checkout)
        trials = self.config.selection.trials
        self.earlier = trials and user_paths.find("selection.trials", trials, files, checkout)
        self.gpus = self.config.engine.processes if self.config.engine.device == "cuda" else 0

    def check_results(self) -> list[str]:
        """Return a warning for each existing data set whose source files have changed.

        Raises:
            UserError: the results folder, a data folder or a snapshot cannot be used.
        """
        user_paths.folder(self.paths.root, "results")
        snapshots.check(self.paths)
        # Snakemake knows nothing of results that it did not write.
        fix = "Snakemake recreates it and all results from it; if `zowarmup run` or another copy "
        fix += "wrote these results, add `--forcerun dataset`"
        return [f"{sentence}; {fix}" for sentence in replaced_data.changed(self.paths)]

    def constraints(self) -> dict[str, str]:
        """Return for each wildcard of the paths a pattern that matches the names of the config."""
        plan, config = self.plan, self.config
        names = {
            "name": [plan.name],
            "dataset": config.datasets,
            "federation": config.federations,
            "warmup": plan.warmups,
            "run": plan.runs,
            "selection": plan.selections,
            "model": [*config.memory.models, *(model for model, _ in config.memory.growing)],
            "role": [*MEMORY_ROLES, *(role for _, role in config.memory.growing)],
            "check": plan.own_checks,
            "table": tables_and_figures.TABLES,
            "figure": tables_and_figures.FIGURES,
        }
        patterns = {key: _any_of(given) for key, given in names.items()}
        return patterns | {"scope": "|studies/[^/]+/", "seed": r"\d+"}

    def warmups(self, *, probes: bool) -> str:
        """Return a pattern that matches the names of the warm-ups with or without probes."""
        specs = self.plan.warmups.items()
        return _any_of(name for name, spec in specs if (spec.probes is not None) == probes)

    def job(self, rule: str, wildcards: Mapping[str, str]) -> Job:
        """Return the job of a rule for values of the wildcards: the config, a name and a part."""
        names = [value for key, value in wildcards.items() if key not in ("name", *PARTS)]
        parts = [value for key, value in wildcards.items() if key in PARTS]
        return Job(rule, "".join(names), "".join(parts))

    def inputs(self, job: Job) -> Inputs:
        """The files that a job reads, by name."""
        return graph.inputs(self.paths, job)

    def settings(self, job: Job) -> JsonObject:
        """Return the settings of a job that does not train, except those that change no result."""
        if job.rule == "measure":
            engine = self.config.engine.model_dump(include={"device", "threads"})
            return engine | self._measured(job)
        if job.rule == "dataset":
            return self.config.datasets[job.name].model_dump(exclude=set(PLACES))
        return self.config.federations[job.name].model_dump()

    def _measured(self, job: Job) -> JsonObject:
        """The inputs on which the memory of a client is measured."""
        memory, context = self.config.memory, job.part.partition("-")[2]
        if memory.growth and context:
            return {"shape": [int(context)], "classes": BYTES, "batch": memory.growth.batch}
        return memory.model_dump(exclude={"models", "growth"})

    def places(self, dataset: str) -> JsonObject:
        """The paths in the settings of a data set; a moved file changes no result."""
        return self.config.datasets[dataset].model_dump(include=set(PLACES))

    def rounds(self, job: Job) -> list[int]:
        """The rounds of a warm-up at which a job measures the curvature of the loss."""
        return self.paths.curvature_points()[job.name, int(job.part)]

    def contents(self, job: Job) -> str:
        """Return a digest of a data set's source files; a change reruns this and later jobs."""
        data = self.paths.dataset(job.name)
        return source_record.compared(data, self.config.datasets[job.name])

    def spec(self, job: Job) -> JsonObject:
        """The complete description of a job that trains."""
        return graph.spec_of(self.plan, job).model_dump(mode="json")

    def code(self, job: Job) -> str:
        """Return the digest of a job's script and modules; a change reruns the job."""
        named = {
            "table": tables_and_figures.TABLES,
            "figure": tables_and_figures.FIGURES,
            "measure": registry.NETWORKS,
        }
        modules = [registry.module_of(named[job.rule][job.name])] if job.rule in named else []
        if job.rule in (*graph.RESULT, "curvature"):
            modules = graph.modules(graph.spec_of(self.plan, job))
        if job.rule == "check_own":  # a change here makes nothing that waits for it stale
            return code_digest(graph.own_files(self.plan.own_checks[job.name]))
        if job.rule == "dataset" and isinstance(own := self.config.datasets[job.name], FileData):
            modules = [own.file]
        return code_digest(modules, self.scripts / f"{job.rule}.py")

    def own_check(self, job: Job) -> JsonObject:
        """The complete description of a check of code of the user's own."""
        return self.plan.own_checks[job.name].model_dump(mode="json")

    def dealt(self, job: Job) -> JsonObject:
        """The settings by which a check of code of the user's own deals its data set."""
        return graph.dealt(self.plan, self.plan.own_checks[job.name])

    def cells(self, job: Job) -> list[JsonObject]:
        """Return the cells of a scope, once for each seed, to collect the rows of."""
        return [self.paths.described(*cell) for cell in self.paths.cells(job.part)]

    def trials(self, _: Job) -> dict[str, dict[str, str] | str | None]:
        """The digest of what decides each selection, and the file of earlier trials, if any."""
        return {"decides": self.plan.decides, "earlier": self.earlier}

    def federations(self, job: Job) -> dict[str, str]:
        """The federation files that a figure shows, by data set."""
        return self.paths.federations(job.name)

    def probed(self, job: Job) -> dict[str, JsonObject]:
        """The files of probes that a figure shows, with the labels of their rows."""
        return self.paths.probed(job.name)

    def labels(self, job: Job) -> dict[str, str]:
        """Return the entry of a table or figure in the report's menu: the name and the studies."""
        shown = tables_and_figures.SHOWS.get(job.name, ()) or ("every one",)
        return {job.rule: job.name.replace("_", " "), "study": ", ".join(shown)}

    def training_mb(self, data: str) -> int:
        """Return the MB of a training job: each process holds images, libraries and network."""
        return self.config.engine.processes * (self.config.jobs.memory_mb + image_mb(data))


def _any_of(names: Iterable[str]) -> str:
    """Return a pattern that matches some names, in which a dot is a dot; "-" matches none."""
    return "|".join(map(re.escape, names)) or "-"


def image_mb(data: str) -> int:
    """Return the MB of two copies of a data set's images: one as read, one as used."""
    return 2 * os.path.getsize(data) // 10**6
