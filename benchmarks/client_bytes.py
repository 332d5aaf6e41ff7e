"""The bytes of a real client's messages: what the costs count, our packing, and Flower's objects.

    .venv-flower/bin/python -m benchmarks.client_bytes [--clients 50] [--S 3] [--d 6634]

Flower's objects are what it pushes for a message; HTTP and polling come on top of them.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from flwr.app import Message, RecordDict
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects
from flwr.supercore.task_identity import TaskIdentity

from zowarmup.algorithms.rounds import RoundRecord
from zowarmup.flower import packing
from zowarmup.flower.messages import Reply, Request

JOB = "0123456789abcdef"


def messages(A: int, S: int, d: int) -> Iterator[tuple[str, int, int, RecordDict]]:
    """Name, counted bytes, packed bytes and content of each message of a round."""
    w = {"w": np.zeros(d, np.float32)}
    scalars = np.linspace(-1, 1, A * S).astype(np.float32).reshape(A, S).tolist()
    record = RoundRecord(100, list(range(A)), [1 / A] * A, scalars, 0.03, [])
    packed = packing.pack(record)
    up = np.zeros(S, np.float32).tobytes()
    train = Request(JOB, 100, "train", 99, [], False, w)
    yield "phase 1, down", 4 * d, 4 * d, train.record()
    yield "phase 1, up", 4 * d, 4 * d, Reply(1, 100, -1, "ok", "", b"", [], [], w).record()
    asks = Request(JOB, 101, "scalars", 100, [packed], False, {})
    yield "phase 2, down", 4 * A * S, len(packed), asks.record()
    yield "phase 2, up", 4 * S, len(up), Reply(1, 101, 100, "ok", "", up, [], [], {}).record()


def flower_bytes(content: RecordDict) -> int:
    """The bytes of a message's objects in Flower."""
    objects = get_all_nested_objects(Message(content, dst_node_id=1, message_type="train"))
    return sum(len(part.deflate()) for part in objects.values())


def main() -> None:
    """Print a row for each message of a round."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--S", type=int, default=3)
    parser.add_argument("--d", type=int, default=6634, help="parameters; default: mlp5 on digits")
    given = parser.parse_args()
    TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1
    print("message        counted   packed   Flower's objects")
    for name, counted, packed, content in messages(given.clients, given.S, given.d):
        print(f"{name:13} {counted:8} {packed:8} {flower_bytes(content):18}")


if __name__ == "__main__":
    main()
