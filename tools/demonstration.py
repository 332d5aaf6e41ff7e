"""Runs of real clients on this machine: by default three nodes that share scikit-learn's digits.

`make flower` runs it, tools/flower_faults.py kills its processes, and benchmarks measure it.
tools/flower_simulation.py makes a run of any config in Flower's simulation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from zowarmup.common.files import atomic_write_text
from zowarmup.flower import same_bytes, simulation
from zowarmup.flower.local_federation import APP, LocalFederation
from zowarmup.flower.settings import Plain
from zowarmup.plan.graph import Job
from zowarmup.plan.paths import Paths
from zowarmup.plan.specs import RunSpec
from zowarmup.without_snakemake import Maker

CONFIG, RUN, SEED = APP / "demo.yaml", "zowarmup", 0
CLIENTS = 3


@dataclass(frozen=True)
class Demonstration:
    """A run of the demonstration.

    Attributes:
        folder: of the nodes' folders and the server's results.
        config: the experiment.
        maker: makes the files of its simulation, whose data the nodes read.
        name, seed: of the run.
    """

    folder: Path
    config: Path
    maker: Maker
    name: str = RUN
    seed: int = SEED

    @classmethod
    def of(cls, folder: Path, phases: Mapping[int, Mapping[str, Any]] | None = None) -> Self:
        """The demonstration; make the data, unless they are there.

        Args:
            phases: further settings of phases, by their number from 0.
        """
        values = yaml.safe_load(CONFIG.read_text())
        for number, settings in (phases or {}).items():
            values["methods"][RUN]["phases"][number] |= settings
        return cls.made(folder, values)

    @classmethod
    def made(
        cls, folder: Path, values: Mapping[str, Any], name: str = RUN, seed: int = SEED
    ) -> Self:
        """A run of a config's values; make its data, unless they are there."""
        config = folder / "config.yaml"
        atomic_write_text(config, yaml.safe_dump(dict(values)))
        maker = Maker(config, folder / "simulation")
        maker.make(Job("federation", maker.plan.runs[name].federation, str(seed)))
        return cls(folder, config, maker, name, seed)

    @property
    def spec(self) -> RunSpec:
        """What is run."""
        return self.maker.plan.runs[self.name]

    @property
    def paths(self) -> Paths:
        """The files of the simulation."""
        return self.maker.paths

    @property
    def real(self) -> Path:
        """The server's folder of the run."""
        return Path(Paths(self.maker.plan, str(self.folder / "real")).run(self.name, self.seed))

    @property
    def dataset(self) -> Path:
        """The data set."""
        return Path(self.paths.dataset(self.spec.dataset))

    @property
    def federation(self) -> Path:
        """Who holds what in it."""
        return Path(self.paths.federation(self.spec.federation, self.seed))

    def node(self, client: int, **more: Plain) -> dict[str, Plain]:
        """The --node-config of a client."""
        return {
            "partition-id": client,
            "folder": str(self.folder / "nodes" / str(client)),
            "dataset": str(self.dataset),
            "federation": str(self.federation),
        } | more

    def start_nodes(self, federation: LocalFederation, **more: Plain) -> None:
        """Start all nodes."""
        for client in range(CLIENTS):
            federation.start_node(f"node-{client}", self.node(client, **more))

    def settings(self, **more: Plain) -> dict[str, Plain]:
        """The settings of the server."""
        return {
            "config": str(self.config),
            "run": self.name,
            "seed": self.seed,
            "results": str(self.folder / "real"),
            "data": str(self.dataset),
            "loss": True,
        } | more

    def simulate(self) -> None:
        """Train the run in one process, unless its files are there."""
        self.maker.metrics([self.name], [self.seed])

    def compared(self) -> Mapping[str, bool]:
        """Whether the results are the bytes of the simulation in which all answered in time."""
        return same_bytes.compare(self.real, Path(self.paths.run(self.name, self.seed)))

    def compared_with_its_cohorts(self) -> Mapping[str, bool]:
        """Whether the results are the bytes of the simulation with the cohorts of the journal."""
        again = self.folder / "again"
        simulation.simulate(self.real, self.dataset, self.federation, again)
        return same_bytes.compare(self.real, again)
