"""How soon do guests of real hosts run again?  Their emulators are killed, and their hosts lose power, with and without a BMC.

    python -m tests.bench.lab --kills 50 --losses 20

A crash is counted from the kill to the restart order; its floor is how long the kernel itself takes to say, by a pidfd, that the
emulator is dead.  A power loss is counted from the last renewal that landed in the lease slot, as one sees it who reads the
storage box; its floor is T_dead, before which nobody may act on the lease alone.  Needs root, as the lab does."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import re
import select
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mainstay_agent.lease.bounds import FAST, dead_after
from mainstay_cli.lab.cloud import Guest, LabCloud, cloud_in
from mainstay_cli.lab.guests import find_guest
from mainstay_cli.lab.host import LabHost
from mainstay_cli.lab.lab import lab_of
from mainstay_cli.lab.waiting import until
from mainstay_runtime.clock import SystemClock
from tests.lab.promises import RenewalWatch, moment_of, on_our_clock, renewals_watched
from tests.lab.sights import decided, runs
from tests.lab.stage import read_all_tapes

HOSTS = 5
RESTARTS_PER_GUEST = 4
"""Below the budget of standing authority; then the guest makes room for a fresh one."""
RESTART_DEADLINE_SECONDS = 30.0
DEATH_DEADLINE_MS = 5000
RESTART = re.compile(r"timestamp='(?P<at>[^']+)'.*event='guest restarts here'.*vm='(?P<vm>[^']+)'")

CLOCK = SystemClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """Milliseconds after the kill."""

    dead: float
    ordered: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Seconds after the last renewal."""

    ordered: float
    running: float


# --- crashes ----------------------------------------------------------------------------------------------------------


async def crashes(cloud: LabCloud, kills: int) -> list[Crash]:
    figures: list[Crash] = []
    while len(figures) < kills:
        host = cloud.lab.hosts[len(figures) % HOSTS]
        guest = await cloud.deploy(f"crash-{len(figures)}", on=host)
        for _ in range(min(RESTARTS_PER_GUEST, kills - len(figures))):
            figures.append(await crash(cloud, host, guest))
        await cloud.remove(guest)
    return figures


async def crash(cloud: LabCloud, host: LabHost, guest: Guest) -> Crash:
    _, emulator = await find_guest([host], guest.id)
    before = len(restarts_of(cloud, host, guest))
    watch = os.pidfd_open(emulator.pid)
    killed_at = CLOCK.monotonic()
    os.kill(emulator.pid, signal.SIGKILL)
    wait_for_death(watch)
    dead_at = CLOCK.monotonic()

    async def is_ordered() -> bool:
        return len(restarts_of(cloud, host, guest)) > before

    await until(is_ordered, f"{guest.name} is restarted", RESTART_DEADLINE_SECONDS)
    await until(lambda: runs_again(host, guest, emulator.pid), f"{guest.name} runs", RESTART_DEADLINE_SECONDS)
    ordered_at = restarts_of(cloud, host, guest)[-1]
    return Crash(dead=1000 * (dead_at - killed_at), ordered=1000 * (ordered_at - killed_at))


def wait_for_death(watch: int) -> None:
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    poll.poll(DEATH_DEADLINE_MS)
    os.close(watch)


def restarts_of(cloud: LabCloud, host: LabHost, guest: Guest) -> list[float]:
    """As the host's agent logged them, on our clock."""
    log = cloud.agents[host.name].log.read_text()
    found = (RESTART.search(line) for line in log.splitlines())
    return [on_our_clock(datetime.fromisoformat(each["at"])) for each in found if each and each["vm"] == guest.id]


async def runs_again(host: LabHost, guest: Guest, old_pid: int) -> bool:
    return any(
        guest.id in program.argv and program.pid != old_pid for program in await host.programs("qemu-system-x86_64")
    )


# --- power losses -----------------------------------------------------------------------------------------------------


async def losses(cloud: LabCloud, count: int) -> list[Loss]:
    guest = await cloud.deploy("survivor")
    async with renewals_watched(cloud) as renewals:
        figures = [await loss(cloud, guest, renewals) for _ in range(count)]
    await cloud.remove(guest)
    return figures


async def loss(cloud: LabCloud, guest: Guest, renewals: RenewalWatch) -> Loss:
    host = await cloud.host_of(guest)
    await host.switch_off("a bench")
    await runs(cloud, guest, not_on=host)
    decision = await decided(cloud, guest, rule="host-died")
    renewed_at = renewals.last_of(host).not_before
    await cloud.repair()
    return Loss(
        ordered=moment_of(decision, "ordered") - renewed_at, running=moment_of(decision, "running") - renewed_at
    )


# --- telling ----------------------------------------------------------------------------------------------------------


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def tell(what: str, values: Sequence[float], unit: str, floor: float) -> None:
    p50, p99 = percentile(values, 50), percentile(values, 99)
    print(
        f"{what:44} {len(values):3}x  p50 {p50:8.2f} {unit}  p99 {p99:8.2f} {unit}  worst {max(values):8.2f} {unit}"
        f"  p50 is {p50 / floor:5.2f} x the floor of {floor:.2f} {unit}",
        flush=True,
    )


def tell_losses(how: str, figures: Sequence[Loss]) -> None:
    for what in ("ordered", "running"):
        tell(f"{how}: last renewal -> restart {what}", [getattr(each, what) for each in figures], "s", dead_after(FAST))


async def bench(kills: int, plain_losses: int, bmc_losses: int) -> None:
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, TCG, profile fast", flush=True)
    async with lab_of(HOSTS) as lab, cloud_in(lab) as cloud:
        if kills:
            figures = await crashes(cloud, kills)
            dead = percentile([each.dead for each in figures], 50)
            tell("guest killed -> restart ordered", [each.ordered for each in figures], "ms", dead)
        if plain_losses:
            tell_losses("power loss, no BMC", await losses(cloud, plain_losses))
        if bmc_losses:
            async with cloud.power_controllers():
                tell_losses("power loss, BMC", await losses(cloud, bmc_losses))
        read_all_tapes(cloud)
    print(f"load average {os.getloadavg()[0]:.1f} at the end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--losses", type=int, default=20, help="without a BMC")
    parser.add_argument("--bmc-losses", type=int, default=20)
    options = parser.parse_args()
    asyncio.run(bench(options.kills, options.losses, options.bmc_losses))


if __name__ == "__main__":
    main()
