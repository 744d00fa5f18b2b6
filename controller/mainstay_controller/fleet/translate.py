"""Between the words of the session and the words of the decisions: value by value, nothing else."""

from __future__ import annotations

from mainstay_controller.domain.ha.case import LeaseTiming
from mainstay_controller.domain.ha.evidence import GuestSeen, Power, SlotSeen, StopCause
from mainstay_controller.domain.ids import HostId, PoolId, VmId
from mainstay_controller.fleet.gate import HostArrival
from mainstay_proto.messages import GuestEvent, GuestReport, HostFacts, LeaseProfile, SlotSighting
from mainstay_proto.messages import StopCause as WireCause
from mainstay_proto.profiles import delta_by_any_clock


def guest_seen(report: GuestReport | GuestEvent) -> GuestSeen:
    return GuestSeen(
        vm_id=VmId(report.vm_id),
        power=Power(report.state.value),
        epoch=report.epoch,
        cause=cause_seen(report.cause),
        detail=report.detail,
    )


def cause_seen(cause: WireCause | None) -> StopCause | None:
    return StopCause(cause.value) if cause is not None else None


def slot_seen(sighting: SlotSighting, observer_id: HostId) -> SlotSeen:
    return SlotSeen(
        observer_id=observer_id,
        host_id=HostId(sighting.host_id),
        pool_id=PoolId(sighting.pool_id),
        boot_id=sighting.boot_id,
        generation=sighting.generation,
        sequence=sighting.sequence,
        unchanged_seconds=sighting.unchanged_seconds,
        dead=sighting.dead,
        released=sighting.released,
        witness_sound=sighting.witness_sound,
    )


Verdict = tuple[str, str, int, bool, bool, bool]


def verdict_in(slot: SlotSighting) -> Verdict:
    """What is worth asking again for when it changes; the sequence moves all the time."""
    return (slot.pool_id, slot.boot_id, slot.generation, slot.dead, slot.released, slot.witness_sound)


def arrival(facts: HostFacts, *, agent_id: str, agent_version: str, resumed: bool) -> HostArrival:
    return HostArrival(
        host_id=HostId(facts.host_id),
        agent_id=agent_id,
        agent_version=agent_version,
        resumed=resumed,
        name=facts.name,
        hypervisor=facts.hypervisor,
        hypervisor_version=facts.hypervisor_version,
        boot_id=facts.boot_id,
        ip=facts.ip,
        url=facts.url,
        cpu_sockets=facts.cpu_sockets,
        cpus=facts.cpus,
        cpu_mhz=facts.cpu_mhz,
        memory_mib=facts.memory_mib,
        capabilities=facts.capabilities,
        watchdog=facts.watchdog,
        machine_id=facts.machine_id,
        guests=tuple(guest_seen(guest) for guest in facts.guests),
    )


def lease_timing(profile: LeaseProfile) -> LeaseTiming:
    return LeaseTiming(
        quiet_seconds=2 * profile.renew_seconds + profile.poll_seconds,
        doomed_seconds=profile.validity_seconds - profile.watchdog_seconds * (1 + profile.clock_error),
        view_age_max_seconds=profile.validity_seconds / 2,
        late_io_seconds=delta_by_any_clock(profile),
    )
