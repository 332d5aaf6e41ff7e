"""The config file: its schema, and reading it with errors that can be acted on."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from zowarmup.config.command_line import meant
from zowarmup.config.phase import Count, Positive, Settings
from zowarmup.config.text import File, Label, Name
from zowarmup.config.validation import check
from zowarmup.config.yaml_file import merge, read_yaml

Seed = Annotated[int, Field(ge=0)]
Seeds = Annotated[int, Field(ge=1, le=10_000)]  # so many; each is a run of its own
Value = bool | int | float | str | list[int] | dict[str, str]


class Dataset(Settings):
    """Where the images come from: a built-in name, or `<source>.npz` in the data folder."""

    source: str
    data_dir: str | None = None  # else the environment variable ZOWARMUP_DATA_DIR
    images_train: Count | None = None  # a random subset of so many; all by default
    images_test: Count | None = None


class Budget(Settings):
    """A share of the clients and the memory that each of them can train in."""

    share: Annotated[float, Field(gt=0, le=1)]
    megabytes: Positive  # of 10^6 bytes


class Federation(Settings):
    """Who holds what."""

    dataset: Name
    clients: Count  # K
    alpha: Positive | Literal["infinite"]  # of the Dirichlet over classes; infinite: no skew
    holdout: Annotated[float, Field(gt=0, lt=1)] = 0.1  # of each client, for choosing lr
    tier_order: Literal["random", "first"] = "random"  # which clients are high-resource
    memory: Annotated[list[Budget], Field(min_length=1)] | None = None  # for split: memory

    @field_validator("memory")
    @classmethod
    def _of_all(cls, memory: list[Budget] | None) -> list[Budget] | None:
        total = math.fsum(budget.share for budget in memory or [])
        if memory and not math.isclose(total, 1):
            raise ValueError(f"the shares of all clients must add up to 1, here to {total:g}")
        return memory


class Engine(Settings):
    """How the simulation is computed; no setting changes the method.

    precision: of the forward and backward passes of local training and of the estimator
        `directional`. Weights, updates, losses of the estimator `two_point` and evaluations are
        float32 in any case.
    channels_last: the layout of images in memory, for networks of convolutions.
    """

    name: str
    device: Literal["cpu", "cuda"] = "cpu"
    threads: Count = 1  # CPU threads of one run: part of the bits, so never left to the machine
    micro_batch: Count = 64
    processes: Count = 1  # that share the clients of one run; on cuda each has a GPU
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = False
    options: dict[str, Count] = {}  # of this engine alone, e.g. how many clients side by side


class Jobs(Settings):
    """What a cluster is asked for by default for a job that trains; no result depends on it.

    A second attempt asks for twice as much, a third for three times as much.
    """

    memory_mb: Count = 2000  # of each process, beside two copies of the images
    minutes: Count = 240


class Memory(Settings):
    """Networks of which one client's peak memory is measured, on random images."""

    models: list[str] = []
    shape: Annotated[list[Count], Field(min_length=3, max_length=3)] = [3, 32, 32]  # CIFAR
    classes: Count = 10
    batch: Count = 64  # the group's federated code


class Selection(Settings):
    """The one rule by which learning rates are chosen, and its budget."""

    seeds: Annotated[list[Seed], Field(min_length=1)]
    rounds: Count
    grid: dict[str, Annotated[list[Positive], Field(min_length=1)]]  # per algorithm


class Method(Settings):
    """A list of phases."""

    label: Label
    phases: Annotated[list[dict[str, Any]], Field(min_length=1)]


class Variant(Settings):
    """One named cell of a study that is no point of a grid."""

    method: str
    set: dict[str, Value] = {}


class Part(Settings):
    """Methods over a grid, or named variants."""

    methods: list[str] = []
    grid: dict[str, Annotated[list[Value], Field(min_length=1)]] = {}
    variants: dict[Name, Variant] = {}
    set: dict[str, Value] = {}
    seeds: Seeds | list[Seed] | None = None  # the study's by default, and the config's for it


class Study(Part):
    """Runs that are compared. What no grid can say, such as another data set, is a further part."""

    also: dict[Name, Part] = {}


class Config(Settings):
    """One file under config/."""

    name: Name
    datasets: dict[Name, Dataset]
    federations: dict[Name, Federation]
    federation: str
    split: str  # percent of high / low-resource clients, e.g. 10/90
    model: str
    width: Annotated[float, Field(gt=0, le=1024)] = 1.0  # multiple of the model's channels
    engine: Engine
    seeds: Seeds | list[Seed]
    pin: dict[Literal["federation", "initialisation", "directions"], Seed] = {}
    evaluate_every: Count
    snapshot_every: Count
    rounds: dict[Name, Count] = {}  # marks: rounds with a name, at which phases end
    algorithms: dict[str, dict[str, Value]] = {}
    selection: Selection
    methods: dict[Name, Method]
    studies: Annotated[dict[Name, Study], Field(min_length=1)]
    tables: list[str]
    figures: list[str]
    claims: File = "config/claims.yaml"
    memory: Memory = Memory()
    jobs: Jobs = Jobs()

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: int | list[int]) -> int | list[int]:
        return distinct_seeds(seeds)


def distinct_seeds(seeds: int | list[int]) -> int | list[int]:
    """The seeds as given.

    Raises:
        ValueError: a list names a seed twice, or none.
    """
    if isinstance(seeds, list) and (not seeds or len(set(seeds)) < len(seeds)):
        raise ValueError("give each seed once, and at least one")
    return seeds


def load(files: Sequence[Path | str], overrides: Mapping[str, Any] | None = None) -> Config:
    """Read one or more config files, later ones over earlier ones, and check them.

    Args:
        overrides: what `snakemake --config` gives, see `command_line`.

    Raises:
        ConfigError: one sentence that names the file, the key and the fix.
    """
    raw: dict[str, Any] = {}
    for file in files:
        raw = merge(raw, read_yaml(Path(file)))
    if overrides:
        raw = merge(raw, meant(Config, raw, overrides))
    where = place(files, overrides)
    config: Config = check(Config, raw, lambda key: f"{where}: {key}")
    return config


def place(files: Sequence[Path | str], overrides: Mapping[str, Any] | None) -> str:
    """Where the user finds what a config says."""
    return " + ".join([*map(str, files), *["--config"] * bool(overrides)])
