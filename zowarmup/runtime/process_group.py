"""The processes that share one run, and the values that they exchange.

Every process runs the same program on the same state. Only clients and the batches of an evaluation
are divided: process i mod size computes item i, and the results are put back in order, so that all
processes continue with the numbers that a single process would have. No sum runs over processes,
because it would depend on the number of processes.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from zowarmup.common.errors import UserError, cause

T = TypeVar("T")
PATIENCE = timedelta(days=365)  # the launcher ends a process that waits for a dead one
OF_LAUNCHER = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")  # torch's variables


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that share a run; all of them call the same methods in the same order."""

    rank: int = 0  # number of this process; process 0 alone writes files
    size: int = 1
    local_rank: int = 0  # among the processes of this machine
    local_size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process logs and writes files for all."""
        return self.rank == 0

    def mine(self, n: int) -> range:
        """The items among 0..n-1 that this process computes."""
        return range(self.rank, n, self.size)

    def agree(self, make: Callable[[], T]) -> T:
        """Return, in all processes, the value of `make`, which only the first process calls.

        For plain values only: a tensor would stay on the device of the first process.
        """
        if self.size == 1:
            return make()
        value = [make() if self.first else None]
        dist.broadcast_object_list(value, src=0, device=torch.device("cpu"))
        return value[0]  # type: ignore[return-value]

    def gather(self, rows: Tensor, n: int) -> Tensor:
        """Return all n rows in order, (n, ...); each process passes the rows of its `mine(n)`."""
        if self.size == 1:
            return rows
        padded = rows.new_zeros(-(-n // self.size), *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(parts, padded)
        return torch.stack(parts, dim=1).flatten(0, 1)[:n]

    def broadcast(self, tensor: Tensor, source: int) -> Tensor:
        """Return the tensor of process `source`; the others pass one of its shape to overwrite."""
        if self.size == 1:
            return tensor
        tensor = tensor.contiguous()
        dist.broadcast(tensor, src=source)
        return tensor

    def wait(self) -> None:
        """Return when all processes have called this."""
        self.gather(torch.zeros(1), self.size)


ALONE = ProcessGroup()


@contextmanager
def joined(meeting: str) -> Iterator[ProcessGroup]:
    """Within the block, this process is connected to the others that PyTorch's launcher started.

    Args:
        meeting: the URL of a file that does not exist yet; env:// for several machines.

    Raises:
        UserError: the processes cannot reach each other.
    """
    rank, size, local_rank, local_size = (int(os.environ[name]) for name in OF_LAUNCHER)
    if meeting != "env://":
        _stay_inside()
    several = dist.is_nccl_available() and torch.cuda.is_available()
    try:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if several else "gloo",
            init_method=meeting,
            rank=rank,
            world_size=size,
            timeout=PATIENCE,
        )
    except RuntimeError as error:
        raise UserError(
            f"engine.processes: {size}: the processes cannot reach each other ({cause(error)}): "
            "set it to 1, or check the network and variables such as GLOO_SOCKET_IFNAME"
        ) from error
    group = ProcessGroup(rank, size, local_rank, local_size)
    yield group
    group.wait()  # to the others, a process that leaves early looks as if it had died
    dist.destroy_process_group()


def _stay_inside() -> None:
    """Make this process use the loopback interface, whatever a cluster's variables say."""
    inside = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), "lo")
    os.environ |= dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), inside)
    os.environ.pop("GLOO_DEVICE_TRANSPORT", None)
