"""The demonstration of real clients: three nodes of this machine that share scikit-learn's digits.

`make flower` runs it, tools/flower_faults.py kills its processes, and benchmarks measure it.
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
    """

    folder: Path
    config: Path
    maker: Maker

    @classmethod
    def of(cls, folder: Path, phases: Mapping[int, Mapping[str, Any]] | None = None) -> Self:
        """Make the data, unless they are there.

        Args:
            phases: further settings of phases, by their number from 0.
        """
        values = yaml.safe_load(CONFIG.read_text())
        for number, settings in (phases or {}).items():
            values["methods"][RUN]["phases"][number] |= settings
        config = folder / "demo.yaml"
        atomic_write_text(config, yaml.safe_dump(values))
        maker = Maker(config, folder / "simulation")
        maker.make(Job("federation", "default", str(SEED)))
        return cls(folder, config, maker)

    @property
    def paths(self) -> Paths:
        """The files of the simulation."""
        return self.maker.paths

    @property
    def real(self) -> Path:
        """The server's folder of the run."""
        return Path(Paths(self.maker.plan, str(self.folder / "real")).run(RUN, SEED))

    @property
    def dataset(self) -> Path:
        """The data set."""
        return Path(self.paths.dataset("digits"))

    @property
    def federation(self) -> Path:
        """Who holds what in it."""
        return Path(self.paths.federation("default", SEED))

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
            "run": RUN,
            "seed": SEED,
            "results": str(self.folder / "real"),
            "data": str(self.dataset),
            "loss": True,
        } | more

    def simulate(self) -> None:
        """Train the run in one process, unless its files are there."""
        self.maker.metrics([RUN], [SEED])

    def compared(self) -> Mapping[str, bool]:
        """Whether the results are the bytes of the simulation in which all answered in time."""
        return same_bytes.compare(self.real, Path(self.paths.run(RUN, SEED)))

    def compared_with_its_cohorts(self) -> Mapping[str, bool]:
        """Whether the results are the bytes of the simulation with the cohorts of the journal."""
        again = self.folder / "again"
        simulation.simulate(self.real, self.dataset, self.federation, again)
        return same_bytes.compare(self.real, again)
