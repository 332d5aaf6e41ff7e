"""Runs of real clients for tests: the config, its simulation, and servers on a grid."""

from dataclasses import dataclass
from pathlib import Path

import workbench
from flwr.app import Context, RecordDict
from flwr.serverapp import Grid

from zowarmup.flower import apps
from zowarmup.flower.settings import Plain
from zowarmup.without_snakemake import Maker

CONFIG = workbench.PROJECT / "tests" / "flower.yaml"
CLIENTS, PIVOT, END = 5, 3, 6  # of CONFIG
HIGH = (2, 3)  # the high-resource clients of its federation
# The methods beside the paper's; in the first ones all clients start from a warm-up.
WARM = ("local_steps", "fedkseed", "fedkseed_pro", "adaptive")
OTHERS = (*WARM, "control", "scratch", "fedkseed_scratch")


@dataclass(frozen=True)
class Simulated:
    """The results of the workflow for CONFIG."""

    results: Path

    @property
    def root(self) -> Path:
        """The folder of the config."""
        return self.results / "flower"

    @property
    def dataset(self) -> Path:
        """The data set, which nodes and server read."""
        return self.root / "datasets" / "digits" / "dataset.npz"

    @property
    def federation(self) -> Path:
        """Who holds what."""
        return self.root / "federations" / "default" / "0" / "federation.json"

    @property
    def run(self) -> Path:
        """The run of the method zowarmup."""
        return self.of("zowarmup")

    def of(self, method: str) -> Path:
        """The run of a method."""
        return self.root / "runs" / method / "0"

    def node(self, client: int, folder: Path) -> dict[str, Plain]:
        """The --node-config of a client with a folder."""
        return {
            "partition-id": client,
            "folder": str(folder / f"node-{client}"),
            "dataset": str(self.dataset),
            "federation": str(self.federation),
        }

    def settings(self, folder: Path, **more: Plain) -> dict[str, Plain]:
        """The settings of a server that writes to a folder."""
        own = {"config": str(CONFIG), "run": "zowarmup", "results": str(folder / "real")}
        return own | {"data": str(self.dataset)} | more


def simulate(folder: Path) -> Simulated:
    """Make the workflow's results."""
    Maker(CONFIG, folder).metrics(None, None)
    return Simulated(folder)


def serve(grid: Grid, settings: dict[str, Plain]) -> Path:
    """Run the server; return the folder of its run."""
    apps.serve(grid, Context(0, 0, {}, RecordDict(), settings))
    return results(Path(str(settings["results"])), str(settings["run"]))


def results(folder: Path, run: str = "zowarmup") -> Path:
    """The folder of a server's run."""
    return folder / "flower" / "runs" / run / "0"
