"""When jobs that wait for each other are done, on so many cores or devices."""

import heapq
from collections.abc import Mapping

from zowarmup.plan.graph import Graph, Job


def longest(jobs: Graph, seconds: Mapping[Job, float]) -> tuple[float, list[Job]]:
    """The critical path: how long the jobs take if none waits for a free core, and which decide."""
    ends: dict[Job, float] = {}
    before: dict[Job, Job | None] = {}
    for job, needed in jobs.items():  # each stands behind what it needs
        last = max(needed, key=ends.__getitem__, default=None)
        ends[job] = (ends[last] if last else 0.0) + seconds[job]
        before[job] = last
    step: Job | None = max(ends, key=ends.__getitem__)
    path: list[Job] = []
    while step:
        path.append(step)
        step = before[step]
    return max(ends.values()), path[::-1]


def makespan(jobs: Graph, seconds: Mapping[Job, float], places: int) -> float:
    """How long the jobs take where at most `places` of them run at once, none waiting needlessly.

    Of those that could start, the first of the graph does; a scheduler may choose otherwise.
    """
    order = {job: number for number, job in enumerate(jobs)}
    waits = {job: len(needed) for job, needed in jobs.items()}
    follow: dict[Job, list[Job]] = {job: [] for job in jobs}
    for job, needed in jobs.items():
        for other in needed:
            follow[other].append(job)
    ready = [(order[job], job) for job, count in waits.items() if not count]
    running: list[tuple[float, int, Job]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < places:
            number, job = heapq.heappop(ready)
            heapq.heappush(running, (now + seconds[job], number, job))
        now, _, done = heapq.heappop(running)
        for job in follow[done]:
            waits[job] -= 1
            if not waits[job]:
                heapq.heappush(ready, (order[job], job))
    return now
