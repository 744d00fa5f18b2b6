"""How many guests a second does the planner place, beside a loop that only looks for the least loaded host?

    python -m tests.bench.placement_bench --requests 5000 --hosts 500

The floor keeps one heap of hosts by memory used, checks nothing but that the guest fits, and explains nothing."""

from __future__ import annotations

import argparse
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from mainstay_controller.domain.capacity.usage import Usage
from mainstay_controller.domain.placement.planner import in_order, plan
from mainstay_controller.domain.placement.request import Placed, Request
from mainstay_controller.domain.placement.snapshot import Algorithm, Rules, Snapshot
from tests.kit.rooms import a_host_room, a_request, a_snapshot, for_ha

SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    name: str
    placed: int
    per_second: float


def a_mass_failure(hosts: int, requests: int, algorithm: Algorithm) -> tuple[Snapshot, list[Request]]:
    chance = Random(SEED)
    rooms = [
        a_host_room(
            f"h{number}",
            memory_mib=chance.choice([65_536, 131_072]),
            cpus=64,
            used=Usage(memory_mib=chance.randrange(16_384)),
        )
        for number in range(hosts)
    ]
    victims = [
        a_request(f"vm{number}", memory_mib=chance.choice([512, 1024, 2048, 4096]), demand=for_ha(cpus=number % 2 + 1))
        for number in range(requests)
    ]
    return a_snapshot(*rooms, rules=Rules(algorithm=algorithm)), victims


def timed(name: str, requests: int, place_all: Callable[[], int]) -> Figure:
    began = time.perf_counter()
    placed = place_all()
    return Figure(name=name, placed=placed, per_second=requests / (time.perf_counter() - began))


def floor(snapshot: Snapshot, victims: list[Request]) -> int:
    heap = [(host.used.memory_mib, host.name, host.total.memory_mib) for host in snapshot.hosts]
    heapq.heapify(heap)
    placed = 0
    for request in in_order(victims):
        used, name, total = heap[0]
        if used + request.memory_mib <= total:
            heapq.heapreplace(heap, (used + request.memory_mib, name, total))
            placed += 1
    return placed


def planned(snapshot: Snapshot, victims: list[Request]) -> int:
    return sum(isinstance(each, Placed) for each in plan(snapshot, victims, Random(SEED)).values())


def measure(hosts: int, requests: int) -> list[Figure]:
    snapshot, victims = a_mass_failure(hosts, requests, Algorithm.LEAST_CONSUMED)
    figures = [timed("floor", requests, lambda: floor(snapshot, victims))]
    for algorithm in Algorithm:
        snapshot, victims = a_mass_failure(hosts, requests, algorithm)
        figures.append(timed(algorithm.value, requests, lambda s=snapshot, v=victims: planned(s, v)))  # type: ignore[misc]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--hosts", type=int, default=500)
    parser.add_argument("--requests", type=int, default=5000)
    options = parser.parse_args()
    figures = measure(options.hosts, options.requests)
    for figure in figures:
        share = figure.per_second / figures[0].per_second
        print(
            f"{figure.name:28} {figure.per_second:9.0f} placements/s  {share:6.1%} of the floor  {figure.placed} placed"
        )


if __name__ == "__main__":
    main()
