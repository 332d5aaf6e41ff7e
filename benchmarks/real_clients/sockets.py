"""The bytes of a real client's round at its socket, in phase 1 and phase 2.

    .venv-flower/bin/python -m benchmarks.real_clients.sockets [--rounds 5]

Three SuperNodes train scikit-learn's digits, each through a proxy that counts (see proxy.py). A
node handles one message at a time, so all that it exchanges up to the end of its answer belongs
to that answer's round. What a node asks for in vain while it waits, and heartbeats, are counted
apart, since they depend on time and not on rounds.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flwr.supercore.task_identity import TaskIdentity

from benchmarks.client_bytes import flower_bytes, messages
from benchmarks.real_clients.proxy import Exchange, Proxy, running
from tools.demonstration import CLIENTS, RUN, Demonstration
from zowarmup.common import signals
from zowarmup.flower.local_federation import LocalFederation, free_port
from zowarmup.storage import checkpoint

PULL, PUSH, HEARTBEAT = "/pull-messages", "/push-messages", "/send-node-heartbeat"
SHOWN = ("phase 1", "phase 2")


@dataclass(frozen=True)
class Traffic:
    """Bytes up and down of a message and its answer, and of each request in vain before it."""

    up: int
    down: int
    polls: list[tuple[int, int]]


def by_message(exchanges: Iterable[Exchange]) -> Iterator[Traffic]:
    """Split the exchanges of a node after each of its answers."""
    part: list[Exchange] = []
    answered = False
    for exchange in exchanges:
        if answered and exchange.path.endswith(PULL):
            yield _traffic(part)
            part, answered = [], False
        part.append(exchange)
        answered |= exchange.path.endswith(PUSH)
    if answered:
        yield _traffic(part)


def _traffic(part: Sequence[Exchange]) -> Traffic:
    """Only the last request for a message got one."""
    last = max(i for i, e in enumerate(part) if e.path.endswith(PULL))
    vain = {i for i, e in enumerate(part) if e.path.endswith(PULL) and i != last}
    vain |= {i for i, e in enumerate(part) if e.path.endswith(HEARTBEAT)}
    rest = [e for i, e in enumerate(part) if i not in vain]
    polls = [(part[i].up, part[i].down) for i in sorted(vain)]
    return Traffic(sum(e.up for e in rest), sum(e.down for e in rest), polls)


def named(traffic: Sequence[Traffic], rounds: int) -> Iterator[tuple[str, Traffic]]:
    """What the messages of a node were for; a low-resource node takes no part in phase 1.

    Raises:
        ValueError: there were others, so a message has been sent again.
    """
    second = ["pivot", *["phase 2"] * (rounds - 1), "end"]
    names = {len(second) + 1: ["hello", *second]}
    names[len(second) + 1 + rounds] = ["hello", *["phase 1"] * rounds, *second]
    if len(traffic) not in names:
        raise ValueError(f"{len(traffic)} messages, expected one of {sorted(names)}; run it again")
    return zip(names[len(traffic)], traffic, strict=True)


def measure(folder: Path, rounds: int) -> tuple[Demonstration, list[tuple[str, Traffic]]]:
    """Train, with a proxy for each node."""
    demo = Demonstration.of(folder, {n: {"rounds": rounds} for n in (0, 1)})
    with LocalFederation(folder) as federation:
        proxies = [Proxy(free_port(), federation.port) for _ in range(CLIENTS)]
        with running(proxies):
            for client, proxy in enumerate(proxies):
                link = f"127.0.0.1:{proxy.port}"
                federation.start_node(f"node-{client}", demo.node(client), link=link)
            federation.run(demo.settings(loss=False)).wait()
            time.sleep(5)  # the last answers' objects
    traffic = [list(by_message(proxy.exchanges)) for proxy in proxies]
    return demo, [row for node in traffic for row in named(node, rounds)]


def table(demo: Demonstration, rows: Sequence[tuple[str, Traffic]]) -> Iterator[str]:
    """A line for each direction of a round of each phase."""
    model = checkpoint.load(demo.real / "final.safetensors").named
    d = sum(x.numel() for x in model.values())
    S = int(str(demo.maker.plan.runs[RUN].phases[1].settings["S"]))
    TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1
    sizes = {
        name: (counted, flower_bytes(content))
        for name, counted, _, content in messages(CLIENTS, S, d)
    }
    yield f"d = {d}, {CLIENTS} clients, S = {S}"
    yield "| bytes of a round | n | counted | Flower's objects | socket, median | min | max |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name in SHOWN:
        for way in ("down", "up"):
            seen = [int(getattr(traffic, way)) for n, traffic in rows if n == name]
            counted, objects = sizes[f"{name}, {way}"]
            spread = f"{statistics.median(seen):,.0f} | {min(seen):,} | {max(seen):,}"
            yield f"| {name}, {way} | {len(seen)} | {counted:,} | {objects:,} | {spread} |"
    polls = [poll for _, traffic in rows for poll in traffic.polls]
    up, down = (statistics.median(side) for side in zip(*polls, strict=True))
    yield f"{len(polls)} requests in vain and heartbeats: median {up:.0f} up, {down:.0f} down each"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each phase")
    with signals.stoppable(), tempfile.TemporaryDirectory(prefix="zowarmup-sockets-") as folder:
        print("\n".join(table(*measure(Path(folder), parser.parse_args().rounds))))


if __name__ == "__main__":
    main()
