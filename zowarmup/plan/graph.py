"""The jobs of a plan, the files that each reads and writes, and the jobs that it waits for.

Snakemake's rules, `zowarmup run` and the forecast ask this module, so they agree. A job is known by
the files that it writes.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from zowarmup.common.code_digest import ROOT, code_digest
from zowarmup.common.json_value import JsonObject
from zowarmup.config import registry
from zowarmup.config.phase_settings import entry_of
from zowarmup.plan.paths import Inputs, Paths
from zowarmup.plan.plan import Plan
from zowarmup.plan.specs import JobSpec, OwnCheck, TrainingSpec


class Job(NamedTuple):
    """A rule and the values of its wildcards; a rule that runs once has no name."""

    rule: str
    name: str = ""
    part: str = ""  # the seed, the role of a measured client, or the scope of a study's own results


Graph = Mapping[Job, tuple[Job, ...]]

# The rule that writes the files in each folder below results/<name>/.
RULES = {
    "datasets": "dataset",
    "federations": "federation",
    "warmups": "warmup",
    "selections": "select",
    "runs": "train",
    "memory": "measure",
    "curvature": "curvature",
    "checks": "check_own",
}
ALONE = ("dataset", "select", "check_own")  # rules whose folders have no <part>

# The files in a job's folder, by the names of the rule's outputs.
OUTPUTS = {
    "dataset": {"data": "dataset.npz", "summary": "dataset.json"},
    "federation": {"federation": "federation.json"},
    "check_own": {"checked": "checked.json"},
    "warmup": {"snapshots": "snapshots", "metrics": "metrics.csv", "run_record": "run.json"},
    "select": {"selection": "selection.json"},
    "train": {"metrics": "metrics.csv", "run_record": "run.json", "final": "final.safetensors"},
}
# The last file that a training job writes into its folder.
RESULT = {"warmup": "run.json", "select": "selection.json", "train": "run.json"}

# The rules that read rows of metrics, by their folder or file below results/<name>/.
ANALYSIS = {
    "tables": "table",
    "figures": "figure",
    "metrics.csv": "collect_metrics",
    "trials.csv": "collect_trials",
    "claims.csv": "claims",
    "signatures.csv": "signatures",
    "front_page.html": "front_page",
}


def graph(plan: Plan) -> Graph:
    """Return every job behind `rule all`, each after the jobs that it waits for."""
    paths = Paths(plan)
    jobs: dict[Job, tuple[Job, ...]] = {}

    def visit(job: Job) -> None:
        if job not in jobs:
            needed = waits_for(paths, job)
            for other in needed:
                visit(other)
            jobs[job] = needed

    visit(Job("all"))
    return jobs


def counts(jobs: Graph) -> dict[str, int]:
    """The number of jobs of each rule, as in Snakemake's own table."""
    return Counter(job.rule for job in jobs)


def waits_for(paths: Paths, job: Job) -> tuple[Job, ...]:
    """The jobs that write the inputs of a job, each once; another config's files have none."""
    values = inputs(paths, job).values()
    files = [file for value in values for file in ([value] if isinstance(value, str) else value)]
    own = [file for file in files if file.startswith(f"{paths.root}/")]
    return tuple(dict.fromkeys(job_of(paths, file) for file in own))


def inputs(paths: Paths, job: Job) -> Inputs:
    """The files of the workflow that a job reads, by the names of the rule's inputs."""
    match job:
        case Job("federation", name):
            return {"data": paths.dataset(paths.plan.config.federations[name].dataset)}
        case Job("check_own", name):
            return {"data": paths.dataset(paths.plan.own_checks[name].dataset)}
        case Job("warmup" | "select" | "train", _, seed):
            return paths.training_inputs(spec_of(paths.plan, job), seed)
        case Job("curvature", name, seed):
            return paths.curvature_inputs(name, seed)
        case Job("collect_metrics", _, scope):
            return paths.collect_inputs(scope)
        case Job("collect_trials"):
            return {"selections": [paths.selection(name) for name in paths.plan.selections]}
        case Job("table" | "figure", name, scope):
            return paths.shown_inputs(job.rule, name, scope)
        case Job("claims"):
            return {"metrics": paths.metrics()} | paths.repeat()
        case Job("signatures"):
            return {"metrics": paths.metrics()}
        case Job("front_page"):
            files: Inputs = {"metrics": paths.metrics(), "claims": f"{paths.root}/claims.csv"}
            return files | {"work": paths.work("")}
        case Job("all", _, scope):
            return paths.targets(scope)
    return {}


def spec_of(plan: Plan, job: Job) -> TrainingSpec:
    """The spec of a job that trains, or of the warm-up whose curvature a job measures."""
    if job.rule in ("warmup", "curvature"):
        return plan.warmups[job.name]
    return plan.selections[job.name] if job.rule == "select" else plan.runs[job.name]


def modules(spec: TrainingSpec) -> list[str]:
    """Return the modules that a training job runs in addition to those of all training jobs."""
    entries = [entry_of(phase) for phase in spec.own_phases]
    entries += [network_entry(spec), registry.ENGINES[spec.engine.name]]
    return [registry.module_of(entry) for entry in entries]


def own_files(check: OwnCheck) -> list[str]:
    """The files of the user's own that a check runs."""
    entries = [phase.source for phase in check.phases if phase.source]
    entries += [check.network.source] if check.network else []
    return [registry.module_of(entry) for entry in entries]


def dealt(plan: Plan, check: OwnCheck) -> JsonObject:
    """The settings by which a check deals its data set to clients."""
    return plan.config.federations[check.federation].model_dump(exclude={"dataset"})


def network_entry(spec: JobSpec) -> str:
    """The entry of a job's network, built-in or of the user's own."""
    return spec.network.source if spec.network else registry.NETWORKS[spec.model]


def codes(rule: str, spec: TrainingSpec) -> list[str]:
    """The digests of a job's code: one when the workflow runs it, one when `zowarmup run` does."""
    script, names = ROOT.parent / "workflow" / "scripts" / f"{rule}.py", modules(spec)
    return [*([code_digest(names, script)] if script.is_file() else []), code_digest(names)]


def outputs(paths: Paths, job: Job) -> dict[str, str]:
    """Return the files that a job writes (not analysis jobs), by the names of the outputs."""
    [folder] = [folder for folder, rule in RULES.items() if rule == job.rule]
    place = Path(paths.root, folder, job.name, job.part)
    files = dict(OUTPUTS[job.rule])
    if job.rule == "warmup" and paths.plan.warmups[job.name].probes:
        files["probes"] = "probes.csv"
    return {name: str(place / file) for name, file in files.items()}


def job_of(paths: Paths, file: str) -> Job:
    """The job that writes a file."""
    folder, name, part, *_ = (*file.removeprefix(f"{paths.root}/").split("/"), "", "")
    if folder in ANALYSIS:
        return Job(ANALYSIS[folder], Path(name).stem)
    rule = RULES[folder]
    return Job(rule, name, "" if rule in ALONE else part.removesuffix(".json"))
