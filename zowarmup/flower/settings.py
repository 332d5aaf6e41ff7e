"""The settings of the server and of a node, as Flower passes them: names and plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from zowarmup.common.errors import UserError
from zowarmup.config.phase import Positive, Seed, Settings

Plain = bool | float | int | str


def _path(value: object) -> object:
    """Return text as a path; Flower starts apps in folders of its own, so it must be absolute."""
    if not isinstance(value, str | Path):
        return value
    if not Path(value).is_absolute():
        raise ValueError(f"must be an absolute path, not {str(value)!r}")
    return Path(value)


def _dashes(name: str) -> str:
    return name.replace("_", "-")


AbsolutePath = Annotated[Path, BeforeValidator(_path)]


class AppSettings(Settings):
    """Settings with dashes in their names; an empty text stands for an absent value."""

    model_config = ConfigDict(alias_generator=_dashes, populate_by_name=True, extra="ignore")

    @classmethod
    def of(cls, values: Mapping[str, Plain], where: str) -> Self:
        """Read the settings.

        Raises:
            UserError: names the first setting that does not fit.
        """
        try:
            return cls.model_validate({k: v for k, v in values.items() if v != ""})
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            message = first["msg"].removeprefix("Value error, ")
            raise UserError(f"{where}: {name}: {message}") from None


class ServerSettings(AppSettings):
    """The settings of the server, in `flwr run -c`.

    Attributes:
        config: the YAML file of the experiment.
        run, seed: the run of that experiment, by its name, and its seed.
        results: the folder in which the server writes, laid out like the workflow's results.
        data: a dataset.npz with the server's test images; without it, no accuracy is measured.
        clients: the number of nodes; 0 stands for that of the run's federation.
        enrol: seconds in which all nodes must have come.
        deadline: seconds after which a round ends with those who answered.
        loss: nodes send their loss beside their scalars.
    """

    config: AbsolutePath
    run: str
    seed: Seed = 0
    results: AbsolutePath
    data: AbsolutePath | None = None
    clients: Annotated[int, Field(ge=0)] = 0
    enrol: Positive = 600.0
    deadline: Positive = 600.0
    loss: bool = False


class NodeSettings(AppSettings):
    """The settings of a node, in `flower-supernode --node-config`.

    Attributes:
        partition_id: the number of the client, from 0.
        folder: the node's own folder.
        dataset, federation: a data set of the workflow, and who holds what in it.
        data: instead of both, a file with the node's own images, see `node_data`.
        tier: "high" or "low"; by default the federation's, by the split of the run.
        memory: instead, the megabytes in which the node can train.
    """

    partition_id: Annotated[int, Field(ge=0)]
    folder: AbsolutePath
    dataset: AbsolutePath | None = None
    federation: AbsolutePath | None = None
    data: AbsolutePath | None = None
    tier: Literal["high", "low"] | None = None
    memory: Positive | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        shard = self.dataset is not None and self.federation is not None
        if shard == (self.data is not None):
            raise ValueError("give either dataset and federation, or data")
        if self.data is not None and self.tier is None and self.memory is None:
            raise ValueError('a node with its own data needs tier="high", tier="low" or memory')
        return self


def node_settings(own: Mapping[str, Plain], run: Mapping[str, Plain]) -> NodeSettings:
    """The settings of a node: its own or, in Flower's simulation, those of the run.

    A simulated node has nothing but a number, so its data and the parent of its folder come from
    the run's settings. A node with a folder of its own reads no path that a server sends.
    """
    if "folder" in own:
        return NodeSettings.of(own, "--node-config")
    if not run.get("nodes"):
        raise UserError(
            "--node-config: folder is missing; give the node a folder of its own, or set `nodes` "
            "in the run's settings if it is simulated"
        )
    shared = {key: run.get(key, "") for key in ("dataset", "federation")}
    folder = f"{run['nodes']}/{own.get('partition-id')}"
    return NodeSettings.of(shared | {"folder": folder} | dict(own), "flwr run -c")
