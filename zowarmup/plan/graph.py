"""The jobs of a plan and what each waits for, as Snakemake finds them from the rules.

Both read the same lists of input files, so a job is known by the files that it makes.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from zowarmup.plan.paths import Paths
from zowarmup.plan.plan import Plan


class Job(NamedTuple):
    """A rule and what stands for its wildcards; without a name where it runs once."""

    rule: str
    name: str = ""
    part: str = ""  # the seed, or the role of a measured client


Graph = Mapping[Job, tuple[Job, ...]]

# The folder below results/<name>/ in which a rule's files lie.
RULES = {
    "datasets": "dataset",
    "federations": "federation",
    "warmups": "warmup",
    "selections": "select",
    "runs": "train",
    "memory": "measure",
}
# What a job that trains writes last into its folder.
RESULT = {"warmup": "run.json", "select": "selection.json", "train": "run.json"}
ALONE = ("dataset", "select")  # their folders have no further part


def graph(plan: Plan) -> Graph:
    """Every job that `rule all` asks for, each after those that it waits for."""
    paths = Paths(plan)
    found: dict[Job, tuple[Job, ...]] = {}

    def visit(job: Job) -> None:
        if job not in found:
            needed = tuple(dict.fromkeys(_needs(paths, job)))
            for other in needed:
                visit(other)
            found[job] = needed

    visit(Job("all"))
    return found


def counts(jobs: Graph) -> dict[str, int]:
    """How many jobs of each rule, as in Snakemake's own table."""
    rules = [job.rule for job in jobs]
    return {rule: rules.count(rule) for rule in dict.fromkeys(rules)}


def _needs(paths: Paths, job: Job) -> Iterator[Job]:
    """The jobs whose files a job reads."""
    config = paths.plan.config
    if job.rule == "all":
        yield from (Job("table", name) for name in config.tables)
        yield from (Job("figure", name) for name in config.figures)
        yield from map(Job, ("claims", "signatures", "front_page", "collect"))
    elif job.rule in ("table", "figure", "claims", "signatures", "front_page"):
        yield Job("collect")
        yield from [Job("claims")] * (job.rule == "front_page")
    yield from (_maker(paths, file) for file in _files(_inputs(paths, job)))


def _inputs(paths: Paths, job: Job) -> Any:
    match job:
        case Job("federation", name):
            return paths.dataset(paths.plan.config.federations[name].dataset)
        case Job("warmup", name, seed):
            return paths.warmup_inputs(name, seed)
        case Job("select", name):
            return paths.selection_inputs(name)
        case Job("train", name, seed):
            return paths.run_inputs(name, seed)
        case Job("collect"):
            return paths.collect_inputs("")
        case Job("front_page" | "all"):
            return paths.work("")[1:]  # without the rows, which `collect` makes
        case Job("table", name):
            return paths.table_inputs(name)
        case Job("figure", name):
            return paths.figure_inputs(name)
    return []


def _files(inputs: Any) -> Iterator[str]:
    """All names of files, however nested."""
    if isinstance(inputs, str):
        yield inputs
    elif isinstance(inputs, Mapping):
        yield from _files(list(inputs.values()))
    else:
        for part in inputs:
            yield from _files(part)


def _maker(paths: Paths, file: str) -> Job:
    """The job that makes a file."""
    folder, name, part = file.removeprefix(f"{paths.root}/").split("/")[:3]
    rule = RULES[folder]
    return Job(rule, name, "" if rule in ALONE else part.removesuffix(".json"))
