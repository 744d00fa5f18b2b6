"""How busy a host and its guests are, from two samples; never asked in the path of recovery."""

from __future__ import annotations

from dataclasses import dataclass

import libvirt

from mainstay_agent.driver import HostLoad

WHAT = libvirt.VIR_DOMAIN_STATS_CPU_TOTAL | libvirt.VIR_DOMAIN_STATS_BALLOON  # not BLOCK: it waits for storage
HOW = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
ALL_CPUS = libvirt.VIR_NODE_CPU_STATS_ALL_CPUS
ALL_CELLS = libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS
KIB_PER_MIB = 1024
NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSample:
    cpu_ns: int
    memory_mib: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    taken_at: float  # seconds on one monotonic clock
    busy_ns: int
    idle_ns: int
    memory_used_mib: int
    guests: dict[str, GuestSample]


def sample(line: libvirt.virConnect, now: float) -> Sample:
    cpu, memory = line.getCPUStats(ALL_CPUS), line.getMemoryStats(ALL_CELLS)
    reusable_kib = memory.get("buffers", 0) + memory.get("cached", 0)
    return Sample(
        taken_at=now,
        busy_ns=cpu["kernel"] + cpu["user"],
        idle_ns=cpu["idle"] + cpu.get("iowait", 0),
        memory_used_mib=(memory["total"] - memory["free"] - reusable_kib) // KIB_PER_MIB,
        guests={domain.UUIDString(): _of_guest(facts) for domain, facts in line.getAllDomainStats(WHAT, HOW)},
    )


def _of_guest(facts: dict[str, int]) -> GuestSample:
    return GuestSample(cpu_ns=facts.get("cpu.time", 0), memory_mib=facts.get("balloon.current", 0) // KIB_PER_MIB)


def load(earlier: Sample, later: Sample) -> HostLoad:
    """Between two samples; of a guest that is new, or of one sample alone, nothing is known yet: 0 percent."""
    busy, idle = later.busy_ns - earlier.busy_ns, later.idle_ns - earlier.idle_ns
    seconds = later.taken_at - earlier.taken_at
    return HostLoad(
        cpu_used_percent=_percent(busy, busy + idle),
        memory_used_mib=later.memory_used_mib,
        guests=tuple(
            (vm_id, _percent(now.cpu_ns - earlier.guests.get(vm_id, now).cpu_ns, seconds * NANOSECONDS), now.memory_mib)
            for vm_id, now in sorted(later.guests.items())
        ),
    )


def _percent(part: float, whole: float) -> float:
    return 100.0 * max(part, 0) / whole if whole > 0 else 0.0
