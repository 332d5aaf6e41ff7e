"""The time of a round of Flower's own FedAvg beside ours, on the same nodes.

    .venv-flower/bin/python -m benchmarks.real_clients.fedavg [--rounds 8]

The app in fedavg_app/ has Flower's strategy FedAvg and nothing of zowarmup.flower. It trains the
same network on the same images with the same three SuperNodes, all of them in each round, and then
ours does. The difference is ours; the rest is Flower's processes and waits. Each app's first round
is left out: nodes fetch the app there, and ours asks who they are.
"""

import argparse
import re
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tools.demonstration import CLIENTS, Demonstration
from zowarmup.common import signals
from zowarmup.common.errors import UserError
from zowarmup.flower.local_federation import LocalFederation

APP = Path(__file__).parent / "fedavg_app"
OURS = re.compile(r"phase (\d) .* ([\d.]+) s$", re.MULTILINE)
PLAIN = re.compile(r"plain round \d+ at ([\d.]+)")


def seconds(folder: Path, rounds: int) -> dict[str, list[float]]:
    """The times of the rounds by what they did."""
    everyone = {0: {"rounds": rounds, "clients": "all"}, 1: {"rounds": rounds}}
    demo = Demonstration.of(folder, everyone)
    with LocalFederation(folder) as federation:
        demo.start_nodes(federation, tier="high")
        federation.run({"rounds": rounds, "clients": CLIENTS}, "plain", APP).wait()
        federation.run(demo.settings(loss=False), "ours").wait()
        plain = PLAIN.findall(federation.log("plain").read_text())
        ours = OURS.findall(federation.log("ours").read_text())
    if (len(plain), len(ours)) != (rounds + 1, 2 * rounds):
        raise UserError(f"{folder}/logs: rounds are missing; see there")
    taken = {"Flower's FedAvg": [float(s) for s in np.diff([float(at) for at in plain])]}
    for number, name in (("1", "ours, phase 1"), ("2", "ours, phase 2")):
        taken[name] = [float(s) for phase, s in ours if phase == number]
    return {name: times[1:] for name, times in taken.items()}


def table(times: dict[str, list[float]]) -> Iterator[str]:
    """A row for each kind of round."""
    yield "| seconds of a round | n | median | min | max |\n| --- | ---: | ---: | ---: | ---: |"
    for name, taken in times.items():
        middle = statistics.median(taken)
        yield f"| {name} | {len(taken)} | {middle:.1f} | {min(taken):.1f} | {max(taken):.1f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=8)
    with signals.stoppable(), tempfile.TemporaryDirectory(prefix="zowarmup-fedavg-") as folder:
        print("\n".join(table(seconds(Path(folder), parser.parse_args().rounds))))


if __name__ == "__main__":
    main()
