"""Plan the restart of released guests: all that are due as one placement problem, their epochs raised in batches.

A decision stays open until its guest runs, is not wanted any more, or is in other hands; whatever fails is tried again with a growing pause, for
ever, by whichever controller owns its incident.  A crash between plan and order leaves rows from which the next wave goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mainstay_controller.domain.ha.victims import LeaveStopped, Restart, Superseded, judge_again, restart_order
from mainstay_controller.domain.ids import DecisionId, IncidentId, OfferingId, TemplateId, VmId
from mainstay_controller.domain.placement.planner import plan
from mainstay_controller.domain.placement.refusal import may_pass_soon, why_nowhere
from mainstay_controller.domain.placement.request import Alternatives, NoRoom, Placed, Purpose, Request
from mainstay_controller.domain.records import Decision, Host, Incident, ServiceOffering, Template, Vm, Volume
from mainstay_controller.domain.states import DecisionOutcome
from mainstay_controller.operations.change_state import VmChange, change_vms
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import AlertType
from mainstay_controller.operations.orders.choose_host import Wish, ZoneView, look_at_zone, request_for, what_it_lacks
from mainstay_controller.operations.orders.decision_record import (
    OPEN,
    Phase,
    Rejections,
    Turn,
    alert_key,
    closed,
    hosts_that_failed,
    in_facts,
    pause,
    phase,
    with_phase,
)
from mainstay_controller.operations.orders.start_orders import Belongings, raising
from mainstay_controller.operations.orders.together import together
from mainstay_controller.operations.recovery.casebook import but_for, zeros_of
from mainstay_controller.operations.recovery.release_guests import RESTART
from mainstay_controller.store.port import LIVE, Store, any_of, eq

SYSTEM_VM_PRIORITY = 1_000_000
QUIET_LOOKS, QUIET_LOOK_PAUSE = 8, timedelta(seconds=0.5)
"""A host that comes back is let in, and has its leases, within a few seconds."""


async def begin_wave(cloud: Cloud, in_hand: Collection[DecisionId]) -> AsyncIterator[list[Turn]]:
    """Decisions whose guests are Starting now, batch by batch, in the order in which they are to be ordered."""
    turns = await turns_due(cloud, in_hand)
    yield [replace(turn, may_have_been_ordered=True) for turn in turns if turn.is_under_way]
    waiting = await _still_to_be_restarted([turn for turn in turns if not turn.is_under_way], cloud)
    for zone_id in sorted({turn.vm.zone_id for turn in waiting}):
        async for batch in _place([turn for turn in waiting if turn.vm.zone_id == zone_id], cloud):
            yield batch


# --- whose time has come ------------------------------------------------------------------------------------------------


async def turns_due(cloud: Cloud, in_hand: Collection[DecisionId]) -> list[Turn]:
    store = cloud.store
    now = await store.now()
    waiting = (any_of("outcome", OPEN), eq("decision", RESTART))
    decisions = await store.decisions.find(*waiting, but_for(in_hand))
    due = [each for each in decisions if each.id not in in_hand and (each.retry_at is None or each.retry_at <= now)]
    if not due:
        return []
    incidents = await _incidents_of_ours(due, cloud)
    by_vm = {decision.vm_id: decision for decision in due if decision.incident_id in incidents}
    vms = await store.vms.find(any_of("id", list(by_vm)))
    zeros = zeros_of(incidents.values(), now, cloud.clock)
    return [Turn(decision=by_vm[vm.id], vm=vm, zero=zeros[by_vm[vm.id].incident_id]) for vm in restart_order(vms)]


async def _incidents_of_ours(decisions: Iterable[Decision], cloud: Cloud) -> Mapping[IncidentId, Incident]:
    ids = sorted({decision.incident_id for decision in decisions})
    incidents = await cloud.store.incidents.find(any_of("id", ids), eq("owner_id", cloud.me.id))
    return {incident.id: incident for incident in incidents if incident.owner_epoch == cloud.me.epoch}


async def _still_to_be_restarted(turns: Sequence[Turn], cloud: Cloud) -> list[Turn]:
    """Of the others the records are closed."""
    verdicts = [(turn, judge_again(turn.vm, turn.decision.epoch or 0)) for turn in turns]
    over = [(turn, verdict) for turn, verdict in verdicts if not isinstance(verdict, Restart)]

    async def close(store: Store, ended: Sequence[tuple[Turn, LeaveStopped | Superseded]]) -> Sequence[Decision]:
        now = await store.now()
        return await store.decisions.swap_all([(turn.decision, _ended(turn, why, now, cloud)) for turn, why in ended])

    async for _ in together(over, close, cloud):
        pass
    return [turn for turn, verdict in verdicts if isinstance(verdict, Restart)]


def _ended(turn: Turn, verdict: LeaveStopped | Superseded, now: datetime, cloud: Cloud) -> Decision:
    named = replace(turn.decision, rule=verdict.rule, decision=verdict.rule)
    return closed(named, LATER_OUTCOMES[type(verdict)], phase("closed", turn, cloud, verdict.why), now)


LATER_OUTCOMES = {LeaveStopped: DecisionOutcome.LEFT_STOPPED, Superseded: DecisionOutcome.SUPERSEDED}


# --- one placement problem ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """`rejected`: the other hosts, as facts."""

    turn: Turn
    placed: Placed
    rejected: tuple[Phase, ...]
    zone: ZoneView

    @property
    def host(self) -> Host:
        return self.zone.hosts[self.placed.host_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """No host takes it.  `rejected`: all of them, as facts."""

    turn: Turn
    why: str
    may_pass_soon: bool
    alternatives: Alternatives
    rejected: tuple[Phase, ...]

    @property
    def is_quiet(self) -> bool:
        """Nobody is alarmed while a host that will take it is just coming back."""
        return self.may_pass_soon and self.turn.decision.attempts < QUIET_LOOKS

    @property
    def is_news(self) -> bool:
        return not self.is_quiet and self.turn.decision.outcome is not DecisionOutcome.WAITING_FOR_CAPACITY


async def _place(turns: Sequence[Turn], cloud: Cloud) -> AsyncIterator[list[Turn]]:
    """All of one zone."""
    zone = await look_at_zone(turns[0].vm.zone_id, cloud)
    turns = await _with_belongings(turns, zone, cloud)
    requests = {request.vm_id: request for request in _requests(turns, zone)}
    placements = plan(zone.snapshot, requests.values(), cloud.rng)
    chosen, without, rejections = [], [], Rejections()
    for turn in turns:
        match placements[turn.vm.id]:
            case Placed() as placed:
                chosen.append(
                    Chosen(turn=turn, placed=placed, rejected=in_facts(placed.alternatives, rejections), zone=zone)
                )
            case NoRoom(alternatives=alternatives):
                demand = requests[turn.vm.id].demand
                why, soon = why_nowhere(demand, zone.snapshot, zone.pools), may_pass_soon(demand, zone.snapshot)
                without.append(
                    Waiting(
                        turn=turn,
                        why=why,
                        may_pass_soon=soon,
                        alternatives=alternatives,
                        rejected=in_facts(alternatives, rejections),
                    )
                )

    async def raised(store: Store, batch: Sequence[Chosen]) -> list[Turn]:
        return await _raise(store, batch, cloud)

    async def waits(store: Store, batch: Sequence[Waiting]) -> list[Decision]:
        return await _wait_for_room(store, batch, cloud)

    async for batch in together(chosen, raised, cloud):
        yield [turn for _, turn in batch if turn is not None]
    async for _ in together(without, waits, cloud):
        pass


async def _with_belongings(turns: Sequence[Turn], zone: ZoneView, cloud: Cloud) -> list[Turn]:
    """Read for all at once."""
    volumes: dict[VmId, list[Volume]] = {turn.vm.id: [] for turn in turns}
    for volume in await cloud.store.volumes.find(any_of("vm_id", list(volumes)), LIVE):
        if volume.vm_id is not None:
            volumes[volume.vm_id].append(volume)
    template_ids = {template_id for turn in turns for template_id in (turn.vm.template_id, turn.vm.iso_id)} - {None}
    templates: dict[TemplateId | None, Template] = {
        each.id: each for each in await cloud.store.templates.find(any_of("id", sorted(map(str, template_ids))))
    }
    offering_ids = sorted({turn.vm.service_offering_id for turn in turns})
    offerings = {each.id: each for each in await cloud.store.service_offerings.find(any_of("id", offering_ids))}
    return [replace(turn, owns=_belongings(turn.vm, volumes[turn.vm.id], templates, offerings, zone)) for turn in turns]


def _belongings(
    vm: Vm,
    volumes: Sequence[Volume],
    templates: Mapping[TemplateId | None, Template],
    offerings: Mapping[OfferingId, ServiceOffering],
    zone: ZoneView,
) -> Belongings:
    pool_ids = {volume.pool_id for volume in volumes if volume.pool_id is not None}
    return Belongings(
        volumes=tuple(volumes),
        template=templates.get(vm.template_id),
        pools={pool_id: zone.pools[pool_id] for pool_id in pool_ids if pool_id in zone.pools},
        zone=zone.zone,
        offering=offerings.get(vm.service_offering_id),
        iso=templates.get(vm.iso_id),
    )


def _requests(turns: Sequence[Turn], zone: ZoneView) -> list[Request]:
    wish = Wish(purpose=Purpose.HA, consider_last_host=False)
    requests = []
    for turn in turns:
        assert turn.owns is not None
        request = request_for(turn.vm, turn.owns.volumes, turn.owns.offering, wish, zone)
        requests.append(for_recovery(request, turn))
    return requests


def for_recovery(request: Request, turn: Turn) -> Request:
    """System VMs go before all others; hosts that failed just now are left alone."""
    system = SYSTEM_VM_PRIORITY if turn.vm.type != "User" else 0
    avoid = frozenset(hosts_that_failed(turn.decision).items())
    return replace(request, priority=request.priority + system, demand=replace(request.demand, avoid=avoid))


# --- what is written --------------------------------------------------------------------------------------------------


async def _raise(store: Store, batch: Sequence[Chosen], cloud: Cloud) -> list[Turn]:
    """The epochs and the records together; the user's wish is in the row that is compared and set."""
    now = await store.now()
    vms = await change_vms(store, now, [_raising(chosen) for chosen in batch])
    pairs = [(chosen.turn.decision, _ordered(chosen, vm, cloud)) for chosen, vm in zip(batch, vms, strict=True)]
    decisions = await store.decisions.swap_all(pairs)
    return [
        replace(chosen.turn, decision=decision, vm=vm, host_name=chosen.host.name)
        for chosen, vm, decision in zip(batch, vms, decisions, strict=True)
    ]


def _raising(chosen: Chosen) -> VmChange:
    turn, host = chosen.turn, chosen.host
    return raising(turn.vm, host, chosen.zone.clusters[host.cluster_id], f"HA: {turn.decision.rule}")


def _ordered(chosen: Chosen, vm: Vm, cloud: Cloud) -> Decision:
    turn, host = chosen.turn, chosen.host
    said = f"epoch {vm.epoch} on {host.name}{what_it_lacks(vm, host)}"
    return replace(
        with_phase(turn.decision, phase("ordered", turn, cloud, said, host.id)),
        target_host_id=host.id,
        epoch=vm.epoch,
        alternatives=chosen.rejected,
        attempts=turn.decision.attempts + 1,
        outcome=DecisionOutcome.PENDING,
        retry_at=None,
    )


async def _wait_for_room(store: Store, batch: Sequence[Waiting], cloud: Cloud) -> list[Decision]:
    now = await store.now()
    for waiting in batch:
        if waiting.is_news:
            subject = f"Unable to restart {waiting.turn.vm.name}: {waiting.why}"
            described, key = str(waiting.alternatives), alert_key(waiting.turn.vm)
            await cloud.journal.alert(store, AlertType.USER_VM, subject, description=described, dedupe_key=key)
    return await store.decisions.swap_all([(each.turn.decision, _parked(each, now, cloud)) for each in batch])


def _parked(waiting: Waiting, now: datetime, cloud: Cloud) -> Decision:
    turn = waiting.turn
    later = replace(
        turn.decision,
        alternatives=waiting.rejected,
        attempts=turn.decision.attempts + 1,
        retry_at=now + (QUIET_LOOK_PAUSE if waiting.is_quiet else pause(turn.decision, cloud.settings)),
    )
    if waiting.is_quiet:
        return later
    told = with_phase(later, phase("no-room", turn, cloud, waiting.why)) if waiting.is_news else later
    return replace(told, outcome=DecisionOutcome.WAITING_FOR_CAPACITY)
