"""The schema of a config file, and its reader."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from zowarmup.config.command_line import typed
from zowarmup.config.datasets import AnyDataset
from zowarmup.config.memory import Memory
from zowarmup.config.phase import Count, Pins, Positive, Seed, Settings
from zowarmup.config.pivot import Probes
from zowarmup.config.selection import Selection
from zowarmup.config.splits import GIVEN
from zowarmup.config.text import File, Identifier, Label, Name
from zowarmup.config.validation import check
from zowarmup.config.yaml_file import ConfigError, merge, read_yaml

Seeds = Annotated[int, Field(ge=1, le=10_000)]  # n: the seeds are 0 .. n-1
Width = Annotated[float, Field(gt=0, le=1024)]  # multiple of the model's channels
Plain = bool | int | float | str
Value = Plain | list[int] | dict[str, str | int | float]
Argument = Plain | list[Plain]  # of a function of the user's own


class Network(Settings):
    """A network in a file of the user's own; further keys are arguments of the function.

    file: a Python file, relative to the config that names it.
    build: the function or class in it, called with the shape of an input, the number of classes
        and the further keys; it returns an nn.Module.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Argument] = Field(init=False)

    file: File
    build: Identifier

    @property
    def arguments(self) -> dict[str, Argument]:
        """The further keys."""
        return dict(self.__pydantic_extra__)


class Budget(Settings):
    """A share of the clients and the memory that each of them can train in."""

    share: Annotated[float, Field(gt=0, le=1)]
    megabytes: Positive  # of 10^6 bytes


class Federation(Settings):
    """The images and the tier of each client."""

    dataset: Name
    clients: Count | Literal["given"]  # K; given: the data say who holds what
    # Dirichlet over classes; infinite: no skew; None with given clients
    alpha: Annotated[
        Positive | Literal["infinite"] | None, Field(default=None, validate_default=True)
    ]
    holdout: Annotated[float, Field(gt=0, lt=1)] = 0.1  # share of a client's images, to choose lr
    tier_order: Literal["random", "first"] = "random"  # which clients are high-resource
    memory: Annotated[list[Budget], Field(min_length=1)] | None = None  # for `split: memory`

    @field_validator("alpha")
    @classmethod
    def _of_a_draw(cls, alpha: float | str | None, info: ValidationInfo) -> float | str | None:
        if alpha is None and info.data.get("clients") != GIVEN:
            raise ValueError("the clients are drawn, so give alpha, a number > 0 or infinite")
        if alpha is not None and info.data.get("clients") == GIVEN:
            raise ValueError("nothing is drawn with `clients: given`; leave alpha out")
        return alpha

    @field_validator("memory")
    @classmethod
    def _shares_of_all(cls, memory: list[Budget] | None) -> list[Budget] | None:
        total = math.fsum(budget.share for budget in memory or [])
        if memory and not math.isclose(total, 1):
            raise ValueError(f"the shares of all clients must add up to 1, not to {total:g}")
        return memory


class Engine(Settings):
    """The way in which clients are simulated; no setting changes the method.

    precision: the number type of forward and backward passes in local training and in the estimator
        `directional`. Weights, updates, evaluations and the losses of the estimator `two_point` are
        always float32.
    channels_last: the memory layout of images, for convolutional networks.
    """

    name: str
    device: Literal["cpu", "cuda"] = "cpu"
    threads: Count = 1  # CPU threads of one run: they affect the bits, so no machine decides
    micro_batch: Count = 64
    processes: Count = 1  # these share the clients of one run; on cuda each has a GPU
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = False
    options: dict[str, Count] = {}  # of this engine alone, e.g. how many clients at once


class Jobs(Settings):
    """The resources that a training job requests by default; no result depends on them.

    A second attempt asks for twice as much, a third for three times as much.
    """

    memory_mb: Count = 2000  # per process, in addition to two copies of the images
    minutes: Count = 240


class Method(Settings):
    """A list of phases.

    pivot: where the first of two phases ends: a round, `auto`, or a rule with its settings.
    """

    label: Label
    phases: Annotated[list[dict[str, Any]], Field(min_length=1)]
    pivot: int | str | dict[str, str | int | float] | None = None


class Variant(Settings):
    """A named cell of a study that is not a point of the grid."""

    method: str
    set: dict[str, Value] = {}


class Part(Settings):
    """Methods over a grid, or named variants.

    same_as: a study whose methods selected the learning rates of this part: only what that study
        varies tells them apart.
    """

    methods: list[str] = []
    grid: dict[str, Annotated[list[Value], Field(min_length=1)]] = {}
    variants: dict[Name, Variant] = {}
    set: dict[str, Value] = {}
    seeds: Seeds | list[Seed] | None = None  # default: the study's, for a study the config's
    same_as: Name | None = None


class Study(Part):
    """Runs to compare. Parts vary what a grid cannot, such as the data set."""

    also: dict[Name, Part] = {}


class Config(Settings):
    """One file under config/."""

    name: Name
    datasets: dict[Name, AnyDataset]
    federations: dict[Name, Federation]
    federation: str
    split: str  # percent of high / low-resource clients, e.g. 10/90; or memory, or given
    model: str | Network  # a network of the user's own is called like its function
    networks: dict[Name, Network] = {}  # of the user's own, for `model` and studies
    width: Width = 1.0
    engine: Engine
    seeds: Seeds | list[Seed]
    pin: Pins = {}
    evaluate_every: Count
    snapshot_every: Count
    rounds: dict[Name, Count] = {}  # marks: named rounds at which phases end
    algorithms: dict[str, dict[str, Value]] = {}
    selection: Selection = Selection(seeds=[50], grid={})  # needed where a rate is selected
    probes: Probes = Probes()  # along a warm-up, where a run decides its pivot or rate
    methods: dict[Name, Method]
    studies: Annotated[dict[Name, Study], Field(min_length=1)]
    tables: list[str]
    figures: list[str]
    claims: File = "config/claims.yaml"
    repeat: Name | None = None  # a config whose runs are these once more, with other CPU kernels
    memory: Memory = Memory()
    jobs: Jobs = Jobs()


def load(files: Sequence[Path | str], overrides: Mapping[str, Any] | None = None) -> Config:
    """The checked config of one or more files, later ones laid over earlier ones.

    Args:
        overrides: the values of `snakemake --config`, see `command_line`.

    Raises:
        ConfigError: one sentence that names the file, the key and the fix.
    """
    raw: dict[str, Any] = {}
    for file in files:
        raw = merge(raw, read_yaml(Path(file)))
    if overrides:
        raw = merge(raw, typed(Config, raw, overrides))
    source = place(files, overrides)
    config: Config = check(Config, raw, lambda key: f"{source}: {key}")
    return _with_named_model(config, source)


def _with_named_model(config: Config, source: str) -> Config:
    """Move a network that stands in `model` to `networks`, under the name of its function."""
    if isinstance(network := config.model, str):
        return config
    if network.build in config.networks:
        raise ConfigError(
            f"{source}: networks.{network.build}: the network in `model` has this name; rename "
            "this one"
        )
    networks = {network.build: network} | config.networks
    return config.model_copy(update={"model": network.build, "networks": networks})


def place(files: Sequence[Path | str], overrides: Mapping[str, Any] | None) -> str:
    """The source of a config, for messages."""
    return " + ".join([*map(str, files), *["--config"] * bool(overrides)])
