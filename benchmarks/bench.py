"""Times the hot parts and prints one table: `python -m benchmarks.bench [NAME ...]`.

The timings of a row come from one process whose sides take turns; goals are ratios, because
milliseconds differ between machines. Writes results/bench.json; rows of benchmarks that did not run
stay as they are.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from benchmarks import lines, memory, passes, resnet, rounds, scaling, workflow
from benchmarks.timing import Row, hardware, versions
from zowarmup.common.files import atomic_write_text
from zowarmup.runtime import malloc

RESULTS = Path("results/bench.json")

# A benchmark returns rows; its argument says whether to run at a tiny size, as the tests do.
BENCHMARKS: dict[str, Callable[[bool], list[Row]]] = {
    "rounds": rounds.against_plain,
    "step": resnet.overhead,
    "forward": resnet.share_of_peak,
    "passes": passes.against_bare,
    "lines": lines.directional_derivatives,
    "memory": memory.growth,
    "processes": scaling.processes,
    "workflow": workflow.outside_of_training,
}


def main(names: list[str]) -> None:
    """Run the named benchmarks, by default all of them."""
    torch.set_num_threads(1)
    malloc.keep()  # as every training job does
    results: dict[str, Any] = (
        json.loads(RESULTS.read_text(encoding="utf-8")) if names and RESULTS.exists() else {}
    )
    for name in names or BENCHMARKS:
        for row in BENCHMARKS[name](False):
            print(row, flush=True)
            results[row.name] = row.facts()
    results |= {"hardware": hardware(), "versions": versions(), "threads": torch.get_num_threads()}
    atomic_write_text(RESULTS, json.dumps(results, indent=1) + "\n")
    print(f"each value [quartiles]; all of it in {RESULTS}")


if __name__ == "__main__":
    main(sys.argv[1:])
