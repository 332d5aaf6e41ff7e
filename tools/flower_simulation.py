"""Make a run of a config in Flower's simulation, and compare it with the workflow's bit for bit.

    .venv-flower/bin/python -W ignore tools/flower_simulation.py FOLDER
        [--config config/config.yaml] [--run zowarmup-10-90] [--seed 60]

All clients answer in every round. Both sides compute one client after the other (engine `plain`),
because engines that compute them side by side round differently. A run that was interrupted goes
on where it stopped, if FOLDER is the same. Prints the seconds of a round and the comparison; exit
code 1 if a byte differs.
"""

import argparse
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

from demonstration import Demonstration
from flower_demo import compared, end_with, follow

from zowarmup.common.errors import UserError
from zowarmup.data import federation
from zowarmup.flower import server_job
from zowarmup.flower.local_federation import LocalFederation
from zowarmup.flower.settings import ServerSettings

PROJECT = Path(__file__).parents[1]
ROUND = re.compile(r" round \d+/\d+  phase (\d+) .* ([\d.]+) s$", re.MULTILINE)


def train(folder: Path, config: Path, name: str, seed: int) -> bool:
    """Train in both simulations; return whether the results are the same."""
    alone = name.replace("-", "_")  # as a method may be called
    run = Demonstration.made(folder, _alone(config, name, alone), alone, seed)
    own = {"dataset": str(run.dataset), "federation": str(run.federation)}
    clients = federation.load(run.federation).clients
    settings = run.settings(nodes=str(folder / "nodes"), clients=clients, **own)
    server_job.of(ServerSettings.of(settings, "run"))  # refuses now what real clients cannot run
    print(f"the workflow's simulation: {name}, seed {seed}", flush=True)
    run.simulate()
    print(f"Flower's simulation, logs in {folder}/logs", flush=True)
    with LocalFederation(folder, simulated=clients) as processes:
        follow(processes, settings)
        log = processes.log("run").read_text()
    print("\n".join(seconds(log)))
    return compared(run)


def _alone(config: Path, name: str, method: str) -> dict[str, object]:
    """A config's values with one run alone, its rates as numbers, and the engine `plain`.

    Args:
        method: the name that the run has there.

    Raises:
        UserError: the config has no such run, or its rates are still to be selected.
    """
    whole, spec = server_job.planned(config, name)
    if spec.selections:
        raise UserError(f"--run: {name} selects learning rates; give them in the config as numbers")
    phases = [phase.model_dump(mode="json", exclude_none=True) for phase in spec.phases]
    own = {"model": spec.model, "federation": spec.federation}
    own |= {"split": spec.split} if spec.split else {}
    nothing = {"selection": None, "repeat": None, "tables": [], "figures": []}
    methods = dict.fromkeys(whole.config.methods) | {method: {"label": name, "phases": phases}}
    studies = dict.fromkeys(whole.config.studies) | {method: {"methods": [method]}}
    rest = {"extends": str(config.absolute()), "engine": {"name": "plain"}}
    return rest | own | nothing | {"methods": methods, "studies": studies}


def seconds(log: str) -> Iterator[str]:
    """A table of the seconds of a round by phase."""
    yield "| phase | rounds | median s | max s |\n| ---: | ---: | ---: | ---: |"
    rounds = ROUND.findall(log)
    for phase in sorted({number for number, _ in rounds}):
        own = [float(taken) for number, taken in rounds if number == phase]
        yield f"| {phase} | {len(own)} | {statistics.median(own):.1f} | {max(own):.1f} |"


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="for everything that is written")
    parser.add_argument("--config", type=Path, default=PROJECT / "config" / "config.yaml")
    parser.add_argument("--run", default="zowarmup-10-90", help="as `zowarmup plan` names it")
    parser.add_argument("--seed", type=int, default=60)
    args = parser.parse_args()
    end_with(lambda: train(args.folder.absolute(), args.config, args.run, args.seed))


if __name__ == "__main__":
    main()
