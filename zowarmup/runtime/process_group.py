"""The processes that share one run, and the little that they exchange.

Every process runs the same program on the same state. Only the work on clients and the batches of
an evaluation are dealt out, item i of n to process i mod size, and the results are put back in the
order of the items, so that all processes go on with the same numbers, and with those of one alone.
Nothing is summed on the way: a sum over processes would depend on how many there are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from zowarmup.common.errors import UserError, cause

T = TypeVar("T")
PATIENCE = timedelta(days=365)  # who waits is ended by the one who started it, see launch


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those that share a run; by itself it starts nothing.

    All of them call the same methods in the same order.

    Attributes:
        rank: 0 of the first process, which alone writes files.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    def mine(self, n: int) -> range:
        """Which of n items are dealt to this process."""
        return range(self.rank, n, self.size)

    def agree(self, make: Callable[[], T]) -> T:
        """What the first process makes, in all of them; the others do not call `make`.

        For plain values: a tensor would stay on the device of the first process.
        """
        if self.size == 1:
            return make()
        made = [make() if self.first else None]
        dist.broadcast_object_list(made, src=0, device=torch.device("cpu"))
        return made[0]  # type: ignore[return-value]

    def gather(self, rows: Tensor, n: int) -> Tensor:
        """All n rows in order, (n, ...), from those that each process has of its `mine(n)`."""
        if self.size == 1:
            return rows
        padded = rows.new_zeros(-(-n // self.size), *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(parts, padded)
        return torch.stack(parts, dim=1).flatten(0, 1)[:n]

    def broadcast(self, tensor: Tensor, source: int) -> Tensor:
        """The tensor of process `source`; in the others one of its shape that is overwritten."""
        if self.size == 1:
            return tensor
        tensor = tensor.contiguous()
        dist.broadcast(tensor, src=source)
        return tensor

    def wait(self) -> None:
        """Until all processes have come here."""
        self.gather(torch.zeros(1), self.size)


ALONE = ProcessGroup()


@contextmanager
def joined(rank: int, size: int, meeting: Path | str) -> Iterator[ProcessGroup]:
    """Within, this process can talk to the others.

    Args:
        meeting: a file that is not there yet, the same for all processes of one machine.

    Raises:
        UserError: the processes cannot reach each other.
    """
    several = dist.is_nccl_available() and torch.cuda.is_available()
    try:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if several else "gloo",
            init_method=f"file://{meeting}",
            rank=rank,
            world_size=size,
            timeout=PATIENCE,
        )
    except RuntimeError as error:
        raise UserError(
            f"engine.processes: {size}: the processes of this machine cannot reach each other "
            f"({cause(error)}); set it to 1, or look at the network and its variables"
        ) from error
    group = ProcessGroup(rank, size)
    yield group
    group.wait()  # who leaves early would look to the others as if it had died
    dist.destroy_process_group()
