"""Start released guests again: all that are due as one placement problem, each decision's story kept in its record.

A decision stays open until its guest runs, is not wanted any more, or is in other hands; whatever fails is tried again with a growing pause, for
ever, by whichever controller owns its incident.  `begin_wave` reads rows, plans and raises epochs; `finish_restart` orders one start and
sees it through.  A crash between or within them leaves rows from which the next wave goes on."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from mainstay_controller.domain.ha.victims import LeaveStopped, Restart, Superseded, judge_again, restart_order
from mainstay_controller.domain.ids import DecisionId, HostId, IncidentId, VmId
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.placement.planner import plan
from mainstay_controller.domain.placement.request import Alternatives, NoRoom, Placed, Placement, Purpose, Request
from mainstay_controller.domain.placement.snapshot import Snapshot
from mainstay_controller.domain.records import Decision, Incident, Json, Vm, Volume
from mainstay_controller.domain.states import DecisionOutcome, VmState
from mainstay_controller.fleet.outcome import Done, Failed, Outcome, Refused, in_words
from mainstay_controller.operations.ask_again import boot_is_over, until_known
from mainstay_controller.operations.casebook import case_file
from mainstay_controller.operations.change_state import change_vm
from mainstay_controller.operations.choose_host import Wish, ZoneView, look_at_zone, request_for
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import AlertType, Level, about_vm
from mainstay_controller.operations.release_guests import RESTART
from mainstay_controller.operations.start_orders import order_start, raise_epoch, taken_off
from mainstay_controller.store.port import LIVE, Stale, any_of, eq
from mainstay_runtime.logs import logger

OPEN = (DecisionOutcome.PENDING, DecisionOutcome.WAITING_FOR_CAPACITY)
SYSTEM_VM_PRIORITY = 1_000_000
ALTERNATIVES_MAX = 50
"""Hosts named in one record; in a bigger cloud the rest is counted."""
PHASES_MAX = 40
AVOIDED_MAX = 3
"""So many of the hosts that failed last are not tried again at once, if there are others."""

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One decision whose time has come.  `zero`: our clock when its host or guest was last heard.

    `may_have_been_ordered`: an earlier hand raised its epoch; what he did then, he did not write down."""

    decision: Decision
    vm: Vm
    zero: float
    may_have_been_ordered: bool = False

    @property
    def is_under_way(self) -> bool:
        """Its epoch was raised and its start perhaps ordered, by us or by a controller that is gone."""
        vm, decision = self.vm, self.decision
        return (vm.state, vm.epoch, vm.host_id) == (VmState.STARTING, decision.epoch, decision.target_host_id)


# --- a wave: rows, plan, epochs -----------------------------------------------------------------------------------------


async def begin_wave(cloud: Cloud, in_hand: Container[DecisionId]) -> list[Turn]:
    """Decisions whose guests are Starting now, in the order in which they are to be ordered; each must be given to `finish_restart`."""
    turns = await turns_due(cloud, in_hand)
    resumed = [replace(turn, may_have_been_ordered=True) for turn in turns if turn.is_under_way]
    wanted = [turn for turn in turns if not turn.is_under_way and await _is_still_to_be_restarted(turn, cloud)]
    return resumed + [turn for zone_id in zones_of(wanted) for turn in await _place(zone_id, wanted, cloud)]


async def turns_due(cloud: Cloud, in_hand: Container[DecisionId]) -> list[Turn]:
    store = cloud.store
    now = await store.now()
    open_decisions = await store.decisions.find(any_of("outcome", OPEN), eq("decision", RESTART))
    due = [
        each for each in open_decisions if each.id not in in_hand and (each.retry_at is None or each.retry_at <= now)
    ]
    mine = await _incidents_of_ours(due, cloud)
    due = [decision for decision in due if decision.incident_id in mine]
    vms = {vm.id: vm for vm in await store.vms.find(any_of("id", [decision.vm_id for decision in due]))}
    by_vm = {decision.vm_id: decision for decision in due if decision.vm_id in vms}
    zeros = {id: (await case_file(incident, cloud)).zero for id, incident in mine.items()}
    return [
        Turn(decision=by_vm[vm.id], vm=vm, zero=zeros[by_vm[vm.id].incident_id])
        for vm in restart_order(vms[vm_id] for vm_id in by_vm)
    ]


async def _incidents_of_ours(decisions: Iterable[Decision], cloud: Cloud) -> Mapping[IncidentId, Incident]:
    ids = sorted({decision.incident_id for decision in decisions})
    incidents = await cloud.store.incidents.find(any_of("id", ids), eq("owner_id", cloud.me.id))
    return {incident.id: incident for incident in incidents if incident.owner_epoch == cloud.me.epoch}


async def _is_still_to_be_restarted(turn: Turn, cloud: Cloud) -> bool:
    match judge_again(turn.vm, turn.decision.epoch or 0):
        case Restart():
            return True
        case LeaveStopped(rule=rule, why=why):
            await _close(turn, DecisionOutcome.LEFT_STOPPED, rule, why, cloud)
        case Superseded(rule=rule, why=why):
            await _close(turn, DecisionOutcome.SUPERSEDED, rule, why, cloud)
    return False


def zones_of(turns: Iterable[Turn]) -> list[str]:
    return sorted({turn.vm.zone_id for turn in turns})


async def _place(zone_id: str, turns: Sequence[Turn], cloud: Cloud) -> list[Turn]:
    here = [turn for turn in turns if turn.vm.zone_id == zone_id]
    zone = await look_at_zone(here[0].vm.zone_id, cloud)
    placements = plan(with_leases(zone.snapshot, cloud), await _requests(here, zone, cloud), cloud.rng)
    begun = [await _begin(turn, placements[turn.vm.id], zone, cloud) for turn in here]
    return [turn for turn in begun if turn is not None]


def with_leases(snapshot: Snapshot, cloud: Cloud) -> Snapshot:
    """A host reaches a pool only as long as its lease there is valid: it would refuse the guest."""
    hosts = (replace(host, pool_ids=host.pool_ids - cloud.fleet.lapsed_pools(host.id)) for host in snapshot.hosts)
    return replace(snapshot, hosts=tuple(hosts))


async def _requests(turns: Sequence[Turn], zone: ZoneView, cloud: Cloud) -> list[Request]:
    volumes: dict[VmId, list[Volume]] = {turn.vm.id: [] for turn in turns}
    for volume in await cloud.store.volumes.find(any_of("vm_id", list(volumes)), LIVE):
        if volume.vm_id is not None:
            volumes[volume.vm_id].append(volume)
    offering_ids = sorted({turn.vm.service_offering_id for turn in turns})
    offerings = {each.id: each for each in await cloud.store.service_offerings.find(any_of("id", offering_ids))}
    wish = Wish(purpose=Purpose.HA, consider_last_host=False)
    return [
        for_recovery(
            request_for(turn.vm, volumes[turn.vm.id], offerings.get(turn.vm.service_offering_id), wish, zone), turn
        )
        for turn in turns
    ]


def for_recovery(request: Request, turn: Turn) -> Request:
    """System VMs go before all others; hosts that failed just now are left alone."""
    system = SYSTEM_VM_PRIORITY if turn.vm.type != "User" else 0
    avoid = frozenset(hosts_that_failed(turn.decision).items())
    return replace(request, priority=request.priority + system, demand=replace(request.demand, avoid=avoid))


def hosts_that_failed(decision: Decision) -> dict[HostId, str]:
    """Lately; forgotten as soon as there was no other host left."""
    failed: dict[HostId, str] = {}
    for phase in decision.phases:
        if phase["name"] == "no-room":
            failed.clear()
        elif phase["name"] == "failed":
            failed[HostId(str(phase["host"]))] = str(phase["text"])
    return dict(list(failed.items())[-AVOIDED_MAX:])


async def _begin(turn: Turn, placement: Placement, zone: ZoneView, cloud: Cloud) -> Turn | None:
    try:
        match placement:
            case Placed():
                return await _raise(turn, placement, zone, cloud)
            case NoRoom(alternatives=alternatives):
                await _wait_for_room(turn, alternatives, cloud)
    except Stale:
        log.info("a guest changed while its restart was planned", vm=turn.vm.id)
    return None


async def _raise(turn: Turn, placement: Placed, zone: ZoneView, cloud: Cloud) -> Turn:
    """The epoch and the record in one transaction; the user's wish is in the row that is compared and set."""
    host = zone.hosts[placement.host_id]
    async with cloud.store.transaction() as store:
        now = await store.now()
        why = f"HA: {turn.decision.rule}"
        vm = await raise_epoch(store, turn.vm, host, zone.clusters[host.cluster_id], now, why)
        ordered = phase("ordered", turn, cloud, f"epoch {vm.epoch} on {host.name}", host.id)
        decision = await store.decisions.swap(
            turn.decision,
            replace(
                turn.decision,
                target_host_id=host.id,
                epoch=vm.epoch,
                alternatives=in_facts(placement.alternatives),
                attempts=turn.decision.attempts + 1,
                phases=shortened((*turn.decision.phases, ordered)),
                outcome=DecisionOutcome.PENDING,
                retry_at=None,
            ),
        )
    return replace(turn, decision=decision, vm=vm)


async def _wait_for_room(turn: Turn, alternatives: Alternatives, cloud: Cloud) -> None:
    first = turn.decision.outcome is not DecisionOutcome.WAITING_FOR_CAPACITY
    phases = (*turn.decision.phases, phase("no-room", turn, cloud, "no host has room")) if first else ()
    async with cloud.store.transaction() as store:
        now = await store.now()
        waiting = replace(
            turn.decision,
            alternatives=in_facts(alternatives),
            outcome=DecisionOutcome.WAITING_FOR_CAPACITY,
            attempts=turn.decision.attempts + 1,
            phases=shortened(phases) or turn.decision.phases,
            retry_at=now + pause(turn.decision, cloud),
        )
        await store.decisions.swap(turn.decision, waiting)
        if first:
            subject = f"Unable to restart {turn.vm.name}: no host has room for it"
            await cloud.journal.alert(
                store, AlertType.USER_VM, subject, description=str(alternatives), dedupe_key=alert_key(turn.vm)
            )


# --- one start --------------------------------------------------------------------------------------------------------


async def finish_restart(turn: Turn, cloud: Cloud) -> None:
    """Until the guest runs, or certainly does not; the record says which."""
    try:
        told = await until_known(
            lambda attempt: _order(turn, attempt, cloud),
            may_have_been_sent=turn.may_have_been_ordered,
            host_is_gone=lambda: _host_is_gone(turn, cloud),
            cloud=cloud,
        )
        await (_runs(turn, cloud) if isinstance(told, Done) else _failed(turn, told, cloud))
    except Stale:
        log.info("a guest changed while it was restarted", vm=turn.vm.id)


async def _order(turn: Turn, attempt: int, cloud: Cloud) -> Outcome:
    command_id = f"{turn.decision.id}:start:{turn.vm.epoch}:{attempt}"
    return await order_start(turn.vm, command_id=command_id, cloud=cloud)


async def _host_is_gone(turn: Turn, cloud: Cloud) -> bool:
    row = await cloud.store.vms.by_id(turn.vm.id)
    if row.version != turn.vm.version:
        raise Stale(f"VM {row.name} is {row.state} under epoch {row.epoch} now")
    return await boot_is_over(HostId(str(turn.vm.host_id)), turn.vm.host_boot_id, cloud)


async def _runs(turn: Turn, cloud: Cloud) -> None:
    async with cloud.store.transaction() as store:
        now = await store.now()
        vm = await change_vm(store, turn.vm, VmEvent.OPERATION_SUCCEEDED, now, "HA: its new host says so")
        host = await store.hosts.by_id(str(vm.host_id))
        text = f"{vm.name} runs again, on {host.name}"
        running = phase("running", turn, cloud, text, host.id)
        await store.decisions.swap(turn.decision, closed(turn.decision, DecisionOutcome.RESTARTED, running, now))
        await cloud.journal.event(store, "VM.START", f"HA: {text} ({turn.decision.rule})", about_vm(vm))
        await cloud.journal.resolve(store, alert_key(vm))


async def _failed(turn: Turn, told: Refused | Failed, cloud: Cloud) -> None:
    why = in_words(told)
    async with cloud.store.transaction() as store:
        now = await store.now()
        off = taken_off(turn.vm, f"its restart failed: {why}")
        vm = await change_vm(store, turn.vm, VmEvent.OPERATION_FAILED, now, f"HA: {why}", into=off)
        failed = phase("failed", turn, cloud, why, turn.vm.host_id)
        again = replace(
            turn.decision,
            epoch=vm.epoch,
            target_host_id=None,
            phases=shortened((*turn.decision.phases, failed)),
            retry_at=now + pause(turn.decision, cloud),
        )
        await store.decisions.swap(turn.decision, again)
        text = f"HA: {vm.name} could not be restarted: {why}; it is tried again"
        await cloud.journal.event(store, "VM.START", text, about_vm(vm), level=Level.ERROR)


async def _close(turn: Turn, outcome: DecisionOutcome, rule: str, why: str, cloud: Cloud) -> None:
    ending = replace(turn.decision, rule=rule, decision=rule)
    done = closed(ending, outcome, phase("closed", turn, cloud, why), await cloud.store.now())
    try:
        await cloud.store.decisions.swap(turn.decision, done)
    except Stale:
        log.info("a decision was closed by other hands", decision=turn.decision.id)


# --- the record -------------------------------------------------------------------------------------------------------


def closed(decision: Decision, outcome: DecisionOutcome, last: dict[str, Json], now: datetime) -> Decision:
    phases = shortened((*decision.phases, last))
    return replace(decision, outcome=outcome, phases=phases, closed=now, retry_at=None)


def phase(name: str, turn: Turn, cloud: Cloud, text: str, host_id: HostId | None = None) -> dict[str, Json]:
    entry: dict[str, Json] = {
        "name": name,
        "at": cloud.clock.now().isoformat(),
        "elapsed_ms": round((cloud.clock.monotonic() - turn.zero) * 1000),
        "text": text,
    }
    return {**entry, "host": host_id} if host_id is not None else entry


def shortened(phases: tuple[dict[str, Json], ...]) -> tuple[dict[str, Json], ...]:
    """The first half and the newest."""
    half = PHASES_MAX // 2
    return phases if len(phases) <= PHASES_MAX else (*phases[:half], *phases[-half:])


def in_facts(alternatives: Alternatives) -> tuple[dict[str, Json], ...]:
    rejected = list(alternatives)
    named: list[dict[str, Json]] = [
        {
            "target": each.host_id,
            "target_name": each.host_name,
            "rejected_by": [{"code": by.code.value, "need": by.need, "have": by.have} for by in each.by],
        }
        for each in rejected[:ALTERNATIVES_MAX]
    ]
    if len(rejected) > ALTERNATIVES_MAX:
        named.append({"target": "", "target_name": f"and {len(rejected) - ALTERNATIVES_MAX} more", "rejected_by": []})
    return tuple(named)


def pause(decision: Decision, cloud: Cloud) -> timedelta:
    """Grows with what failed in a row; waiting for room is woken by room, so that its own pace need not be quick."""
    in_a_row = takewhile(lambda name: name != "no-room", (phase["name"] for phase in reversed(decision.phases)))
    failures = sum(1 for name in in_a_row if name == "failed")
    settings = cloud.settings
    seconds = settings.restart_retry_seconds * 2.0 ** min(failures, 20)
    return timedelta(seconds=min(seconds, settings.restart_retry_seconds_max))


def alert_key(vm: Vm) -> str:
    return f"vm-stopped:{vm.id}"
