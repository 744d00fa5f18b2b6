"""How soon do guests of real hosts run again?  Their emulators are killed, and their hosts lose power, with and without a BMC.

    python -m tests.bench.lab --kills 50 --losses 20

A crash is counted from the kill to the restart order; its floor is when libvirt itself tells of it, which nobody who goes by the
hypervisor's word can be ahead of.  A power loss is counted from the last renewal that landed in the lease slot, as one sees it who reads the
storage box; its floor is T_dead, before which nobody may act on the lease alone.  Needs root, as the lab does."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import re
import select
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mainstay_agent.lease.bounds import FAST, dead_after
from mainstay_cli.lab.cloud import Guest, LabCloud, cloud_in
from mainstay_cli.lab.guests import find_guest
from mainstay_cli.lab.host import LabHost
from mainstay_cli.lab.lab import lab_of
from mainstay_runtime.clock import SystemClock
from tests.lab.promises import RenewalWatch, moment_of, on_our_clock, renewals_watched
from tests.lab.sights import boots_again, decided, last_word, runs, writes
from tests.lab.stage import read_all_tapes

HOSTS = 5
RESTARTS_PER_GUEST = 4
"""Below the budget of standing authority; then the guest makes room for a fresh one."""
DEATH_DEADLINE_MS = 5000
STOPPED = re.compile(r"^(?P<at>\S+ \S+): event 'lifecycle' for domain .*: Stopped", re.MULTILINE)
RESTART = re.compile(r"timestamp='(?P<at>[^']+)'.*event='guest restarts here'.*vm='(?P<vm>[^']+)'")

CLOCK = SystemClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """Milliseconds after the kill."""

    dead: float  # for the kernel
    told: float  # by libvirt
    ordered: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Seconds after the last renewal."""

    ordered: float
    running: float


# --- crashes ----------------------------------------------------------------------------------------------------------


async def crashes(cloud: LabCloud, kills: int) -> list[Crash]:
    told = {host.name: await libvirts_words(host) for host in cloud.lab.hosts}
    figures: list[Crash] = []
    while len(figures) < kills:
        host = cloud.lab.hosts[len(figures) // RESTARTS_PER_GUEST % HOSTS]
        guest = await cloud.deploy(f"crash-{len(figures)}", on=host)
        await writes(guest)
        for _ in range(min(RESTARTS_PER_GUEST, kills - len(figures))):
            figures.append(await crash(cloud, host, guest, told[host.name]))
        await retire(cloud, guest)
    return figures


async def retire(cloud: LabCloud, guest: Guest) -> None:
    """A figure of a guest that ran twice is none."""
    read_all_tapes(cloud)
    await cloud.remove(guest)


async def libvirts_words(host: LabHost) -> Path:
    listener = ["stdbuf", "-oL", "virsh", "event", "--loop", "--event", "lifecycle", "--timestamp"]
    return (await host.spawn(listener, name="events")).log


async def crash(cloud: LabCloud, host: LabHost, guest: Guest, libvirts_log: Path) -> Crash:
    before = last_word(guest)
    _, emulator = await find_guest([host], guest.id)
    watch = os.pidfd_open(emulator.pid)
    killed_at = CLOCK.monotonic()
    os.kill(emulator.pid, signal.SIGKILL)
    wait_for_death(watch)
    dead_at = CLOCK.monotonic()
    await boots_again(guest, after=before)
    told_at = first_after(killed_at, moments_in(libvirts_log, STOPPED))
    ordered_at = first_after(killed_at, moments_in(cloud.agents[host.name].log, RESTART, vm=guest.id))
    return Crash(
        dead=1000 * (dead_at - killed_at), told=1000 * (told_at - killed_at), ordered=1000 * (ordered_at - killed_at)
    )


def wait_for_death(watch: int) -> None:
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    poll.poll(DEATH_DEADLINE_MS)
    os.close(watch)


def moments_in(log: Path, words: re.Pattern[str], **named: str) -> Iterator[float]:
    """On our clock, of all lines that say so of those named."""
    for found in words.finditer(log.read_text()):
        if all(found[name] == value for name, value in named.items()):
            yield on_our_clock(datetime.fromisoformat(found["at"]))


def first_after(moment: float, moments: Iterable[float]) -> float:
    return next(each for each in moments if each > moment)


# --- power losses -----------------------------------------------------------------------------------------------------


async def losses(cloud: LabCloud, count: int) -> list[Loss]:
    guest = await cloud.deploy("survivor")
    async with renewals_watched(cloud) as renewals:
        figures = [await loss(cloud, guest, renewals) for _ in range(count)]
    await retire(cloud, guest)
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


def tell_crashes(figures: Sequence[Crash]) -> None:
    floor = percentile([each.told for each in figures], 50)
    for who, name in (("dead for the kernel", "dead"), ("told by libvirt", "told"), ("restart ordered", "ordered")):
        tell(f"guest killed -> {who}", [getattr(each, name) for each in figures], "ms", floor)
    tell("libvirt's word -> restart ordered", [each.ordered - each.told for each in figures], "ms", floor)


def tell_losses(how: str, figures: Sequence[Loss]) -> None:
    for what in ("ordered", "running"):
        tell(f"{how}: last renewal -> restart {what}", [getattr(each, what) for each in figures], "s", dead_after(FAST))


async def bench(kills: int, plain_losses: int, bmc_losses: int) -> None:
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, TCG, profile fast", flush=True)
    async with lab_of(HOSTS) as lab, cloud_in(lab) as cloud:
        if kills:
            tell_crashes(await crashes(cloud, kills))
        if plain_losses:
            tell_losses("power loss, no BMC", await losses(cloud, plain_losses))
        if bmc_losses:
            async with cloud.power_controllers():
                tell_losses("power loss, BMC", await losses(cloud, bmc_losses))
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
