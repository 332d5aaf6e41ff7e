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
import sys
from collections.abc import Iterator
from pathlib import Path

from demonstration import Demonstration
from flower_demo import compared, follow

from zowarmup.common import signals
from zowarmup.common.errors import UserError
from zowarmup.common.signals import Stopped
from zowarmup.flower import server_job
from zowarmup.flower.local_federation import LocalFederation
from zowarmup.flower.settings import ServerSettings
from zowarmup.plan.plan import plan

PROJECT = Path(__file__).parents[1]
RUN = "alone"
ROUND = re.compile(r" round \d+/\d+  phase (\d+) .* ([\d.]+) s$", re.MULTILINE)


def train(folder: Path, config: Path, name: str, seed: int) -> bool:
    """Train in both simulations; return whether the results are the same."""
    run = Demonstration.made(folder, _alone(config, name), RUN, seed)
    own = {"dataset": str(run.dataset), "federation": str(run.federation)}
    settings = run.settings(nodes=str(folder / "nodes"), **own)
    server_job.of(ServerSettings.of(settings, "run"))  # refuses now what real clients cannot run
    print(f"the workflow's simulation: {name}, seed {seed}", flush=True)
    run.simulate()
    print(f"Flower's simulation, logs in {folder}/logs", flush=True)
    with LocalFederation(folder, simulated=_clients(run)) as federation:
        follow(federation, settings)
        log = federation.log("run").read_text()
    print("\n".join(seconds(log)))
    return compared(run)


def _alone(config: Path, name: str) -> dict[str, object]:
    """A config's values with one run alone, its rates as numbers, and the engine `plain`.

    Raises:
        UserError: the config has no such run, or its rates are still to be selected.
    """
    whole = plan([str(config)])
    if name not in whole.runs:
        raise UserError(f"--run: {config} has no run {name}; use one of {', '.join(whole.runs)}")
    spec = whole.runs[name]
    if spec.selections:
        raise UserError(f"--run: {name} selects learning rates; give them in the config as numbers")
    phases = [phase.model_dump(mode="json", exclude_none=True) for phase in spec.phases]
    own = {"model": spec.model, "federation": spec.federation}
    own |= {"split": spec.split} if spec.split else {}
    nothing = {"selection": None, "repeat": None, "tables": [], "figures": []}
    methods = dict.fromkeys(whole.config.methods) | {RUN: {"label": name, "phases": phases}}
    studies = dict.fromkeys(whole.config.studies) | {RUN: {"methods": [RUN]}}
    rest = {"extends": str(config.absolute()), "engine": {"name": "plain"}}
    return rest | own | nothing | {"methods": methods, "studies": studies}


def _clients(run: Demonstration) -> int:
    """The number of clients of a run."""
    clients = run.maker.plan.config.federations[run.spec.federation].clients
    if not isinstance(clients, int):
        raise UserError("give a config that says how many clients there are")
    return clients


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
    with signals.stoppable():
        try:
            same = train(args.folder.absolute(), args.config, args.run, args.seed)
            sys.exit(0 if same else 1)
        except UserError as error:
            sys.exit(f"zowarmup: {error}")
        except Stopped as stop:
            print(f"{stop}: everything is stopped", file=sys.stderr)
            sys.exit(stop.status)


if __name__ == "__main__":
    main()
