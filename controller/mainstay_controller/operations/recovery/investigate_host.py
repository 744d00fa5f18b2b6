"""Handle the case of a silent host until it is proven dead, or has come back.

A loop of three steps: gather what is known, assess it (domain.ha.case), perform what that asks for.  It may be broken off at any point:
whoever is next, here or at another controller, begins from the rows and asks everybody anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial

from mainstay_controller.domain.ha.case import (
    Action,
    Case,
    DeclareDown,
    FencePolicy,
    LeasedPool,
    Poison,
    PowerOff,
    PowerState,
    ReleaseGuests,
    Wait,
    assess,
    evidence_in,
    generations_read,
    guests_matter,
    may_rest,
)
from mainstay_controller.domain.ha.proof import PoweredOff, Proof, Victim, proofs_for
from mainstay_controller.domain.ha.settling import Settled
from mainstay_controller.domain.ids import HostId, PoolId, VmId
from mainstay_controller.domain.lifecycle.host import HostEvent
from mainstay_controller.domain.lifecycle.incident import IncidentEvent
from mainstay_controller.domain.records import Cluster, Host, Incident, Json, OutOfBand, Vm
from mainstay_controller.domain.states import HostState, IncidentPhase
from mainstay_controller.fleet.outcome import Done, in_words
from mainstay_controller.fleet.power.port import PowerAction
from mainstay_controller.operations.change_state import HostChange, change_hosts
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.hosts.out_of_band import places_of_power
from mainstay_controller.operations.journal import AlertType, Level, Trouble, about_host, place_of
from mainstay_controller.operations.orders.settle import settle_all
from mainstay_controller.operations.recovery.call_off import Return, call_off
from mainstay_controller.operations.recovery.casebook import (
    DECISIONS,
    CaseFile,
    advance_all,
    case_files,
    is_investigated,
    take_steps,
)
from mainstay_controller.operations.recovery.host_ha import may_act_on
from mainstay_controller.operations.recovery.inquiry import Inquiry
from mainstay_controller.operations.recovery.release_guests import (
    Freed,
    guests_to_release,
    leave_unproven,
    release,
    release_all,
)
from mainstay_controller.operations.recovery.release_older_boot import is_older, release_older_boot
from mainstay_controller.operations.recovery.victims import victims_of
from mainstay_controller.store.port import Stale, Store, any_of, eq
from mainstay_runtime.logs import logger
from mainstay_runtime.tasks import Nursery, background

LOOK_AGAIN_SECONDS = 1.0
GAP_SECONDS = 3.0
"""Between two looks: then it was us who did not listen."""
ORDER_AGAIN_SECONDS = 5.0
"""Before an order to fence that did not help is given again."""
TURN_SECONDS, LONG_TURN_SECONDS = 3.0, 60.0
"""Of a case while others wait: the long one suffices for a host that lies dead."""
TOGETHER_MAX = 20
"""So many hosts are declared dead in one transaction: with a thousand guests or so, for which the loop can bear to be busy."""
Evidence = tuple[dict[str, Json], ...]

log = logger(__name__)


@dataclass(slots=True)
class Investigation:
    """One case while this controller handles it.  `generations`: the newest that its guests can have been given under, by its own last word, or
    where it gave us none, as its slot was first read."""

    case: CaseFile
    host: Host
    policy: FencePolicy
    inquiry: Inquiry
    cloud: Cloud
    last_heard_at: float
    generations: dict[PoolId, int]
    seat_is_wanted: Callable[[], bool]
    may_be_fenced: bool = True
    poisoned_at: float | None = None
    power_off_ordered: bool = False
    may_rest: bool = False
    _deeds: Nursery = field(init=False)
    _listening_since: float = float("-inf")
    _looked_at: float = float("inf")
    told_reasons: tuple[str, ...] = ()

    async def run(self) -> None:
        """Until the incident is past its investigation, or is put aside."""
        began = self.cloud.clock.monotonic()
        async with Nursery(self._deed_failed) as self._deeds, background(self.inquiry.run):
            while is_investigated(self.case.incident) and not self._is_put_aside(began):
                words = self.cloud.fleet.words_about(self.host.id)
                try:
                    await self._look()
                except Stale:
                    log.info("rows changed while a case was assessed", incident=self.case.id)
                await self.cloud.fleet.next_word_about(self.host.id, after=words, within_seconds=LOOK_AGAIN_SECONDS)

    def _is_put_aside(self, began: float) -> bool:
        turn_seconds = TURN_SECONDS if self.may_rest else LONG_TURN_SECONDS
        return self.seat_is_wanted() and self.cloud.clock.monotonic() - began > turn_seconds

    async def _look(self) -> None:
        self.host = await self.cloud.rounds.host(self.host.id)
        if is_older(self.case.incident.host_boot_id, self.host):
            awaited = await release_older_boot(self.host, await self.cloud.rounds.guests(self.host.id), self.cloud)
            await self.case.read_again()
            if awaited:
                self._tell_why_it_waits(awaited)
                await self.case.write()
        elif self.host.removed is not None or self.host.state is not HostState.ALERT or self._is_heard_again():
            await self.cloud.gathered(call_off).ask(Return(case=self.case, host=self.host))
        elif not self.cloud.fleet.is_at_the_gate(self.host.id):
            known = await self._gather()
            self.may_rest = may_rest(known)
            for action in assess(known):
                await self._perform(action, known)
            await self.case.write()

    def _is_heard_again(self) -> bool:
        heard_at = self.cloud.fleet.heard_at(self.host.id)
        return self.cloud.fleet.is_connected(self.host.id) and heard_at is not None and heard_at > self.last_heard_at

    # --- what is known --------------------------------------------------------------------------------------------

    async def _gather(self) -> Case:
        fleet, store, incident = self.cloud.fleet, self.cloud.store, self.case.incident
        timing = fleet.lease_timing(self.host.id)
        now = self.cloud.clock.monotonic()
        if now - self._looked_at > GAP_SECONDS:
            self._listening_since = now
        self._looked_at = now
        case = Case(
            host_id=self.host.id,
            boot_id=incident.host_boot_id or "",
            watchdog=self.host.watchdog,
            policy=self.policy,
            last_heard_at=self.last_heard_at,
            now=now,
            timing=timing,
            listening_since=self._listening_since,
            peers_heard_since=fleet.peers_heard_since(),
            pools=tuple(
                LeasedPool(pool_id=pool_id, timing=timing, holds_over_at=fleet.holds_over_at(self.host.id, pool_id))
                for pool_id in await self.cloud.rounds.leased_pools(self.host.id)
            ),
            answers=self.inquiry.answers,
            answers_awaited=self.inquiry.answers_awaited,
            pings=tuple(self.inquiry.pings.items()),
            has_power=self.inquiry.power is not None,
            may_be_fenced=self.may_be_fenced,
            power=self.inquiry.power_reading,
            power_off_ordered=self.power_off_ordered,
            poisoned_at=self.poisoned_at,
        )
        self.generations = generations_read(case) | self.generations
        pools = (replace(pool, generation=self.generations.get(pool.pool_id)) for pool in case.pools)
        case = replace(case, pools=tuple(pools))
        if not guests_matter(case):
            return case
        return replace(case, victims=await victims_of(await guests_to_release(store, self.host.id), store))

    # --- what is done ---------------------------------------------------------------------------------------------

    async def _perform(self, action: Action, known: Case) -> None:
        match action:
            case DeclareDown(proofs=proofs):
                await self._declare_down(proofs, known)
            case ReleaseGuests(guests=guests):
                await self._release(await self._settled(guests, known), known)
            case PowerOff(why=why):
                await self._power_off(why)
            case Poison(pool_ids=pool_ids):
                await self._poison(pool_ids)
            case Wait(reasons=reasons) if not self.inquiry.answers_awaited:
                self._tell_why_it_waits(reasons)

    async def _declare_down(self, proofs: tuple[Proof, ...], known: Case) -> None:
        """Unless something of its guests is still held back: then of those others as many as are not."""
        victims = await victims_of(await guests_to_release(self.cloud.store, self.host.id), self.cloud.store)
        proven = [(victim, covering) for victim in victims if (covering := proofs_for(victim, proofs))]
        settled = await self._settled(proven, known)
        if len(settled) == len(proven):
            unproven = {victim.vm_id for victim in victims} - settled.keys()
            finding = Finding(
                case=self.case,
                host=self.host,
                proofs=proofs,
                settled=settled,
                unproven=unproven,
                evidence=evidence_in(known),
            )
            await declare_down(finding, self.cloud)
        else:
            await self._release(settled, known)

    async def _settled(self, proven: Iterable[tuple[Victim, tuple[Proof, ...]]], known: Case) -> dict[VmId, Settled]:
        settled, held_back = await settle_all(proven, self.case.id, self.cloud, partial(off_and_over_at, known))
        if held_back:
            self._tell_why_it_waits(held_back)
        return settled

    async def _release(self, settled: dict[VmId, Settled], known: Case) -> None:
        """Some of its guests, while others may run on it."""
        if not settled:
            return
        self.cloud.fleet.bar_holds(self.host.id)
        async with self.cloud.store.transaction() as store:
            vms = await store.vms.find(any_of("id", list(settled)), eq("host_id", self.host.id))
            self.case.note(f"{len(vms)} guests are proven gone: {next(iter(settled.values()))}")
            freed = [Freed(vm=vm, settled=settled[vm.id], evidence=evidence_in(known)) for vm in vms]
            await release(store, self.case, freed)
            await self.case.write(store)
        self.cloud.fleet.bells.ring(DECISIONS)

    async def _power_off(self, why: str) -> None:
        """Ordered beside the case, which goes on: a power controller may take its time, and the lease may expire before it answers."""
        self.power_off_ordered = True
        await self._fencing(f"powering it off: {why}")
        self._deeds.adopt(self._order_power_off(), f"power off of {self.host.name}")

    async def _order_power_off(self) -> None:
        power = self.inquiry.power
        assert power is not None, "only asked for where there is a power controller"
        said = await self.cloud.fleet.switch_power(power, PowerAction.OFF, self.cloud.settings.power_deadline_seconds)
        self.case.note(f"power controller {power.address} was told to power off: {said.code}, reads {said.state}")
        self.cloud.fleet.ring(self.host.id)
        if said.state is not PowerState.OFF:
            await self.cloud.clock.sleep(ORDER_AGAIN_SECONDS)
            self.power_off_ordered = False

    async def _poison(self, pool_ids: tuple[PoolId, ...]) -> None:
        self.poisoned_at = self.cloud.clock.monotonic()
        await self._fencing(f"the policy is fence: releasing its guests by poison on pools {', '.join(pool_ids)}")
        self._deeds.adopt(self._write_poison(pool_ids), f"poison of {self.host.name}")

    async def _write_poison(self, pool_ids: tuple[PoolId, ...]) -> None:
        """Under an id of its own, since one that was obeyed is not obeyed again."""
        poison_id = f"{self.case.id}:{self.cloud.rng.uuid()[:8]}"
        for observer_id in sorted({answer.slot.observer_id for answer in self.inquiry.answers}):
            outcome = await self.cloud.fleet.poison_host(
                observer_id,
                self.host.id,
                poison_id,
                pool_ids,
                command_id=f"{self.case.id}:poison:{observer_id}:{self.cloud.rng.uuid()}",
                deadline_seconds=self.cloud.settings.probe_deadline_seconds,
            )
            self.case.note(f"{observer_id} wrote the poison: {in_words(outcome)}")
            if isinstance(outcome, Done):
                self.poisoned_at = self.cloud.clock.monotonic()
                return
        await self.cloud.clock.sleep(ORDER_AGAIN_SECONDS)
        self.poisoned_at = None

    def _deed_failed(self, name: str, error: Exception) -> None:
        log.error("a deed of a case failed", what=name, exc_info=error)

    async def _fencing(self, why: str) -> None:
        if self.case.incident.phase is IncidentPhase.FENCING:
            self.case.note(why)
        else:
            await self.case.advance(IncidentEvent.FENCE, why)

    def _tell_why_it_waits(self, reasons: tuple[str, ...]) -> None:
        """Once per change of the reasons, their numbers left aside."""
        gist = tuple("".join(letter for letter in reason if not letter.isdigit()) for reason in reasons)
        if gist != self.told_reasons:
            self.told_reasons = gist
            self.case.note("waiting: " + "; ".join(reasons))


async def investigate_host(incident: Incident, cloud: Cloud, seat_is_wanted: Callable[[], bool]) -> CaseFile:
    """Ends when the incident is past its investigation, or when others wait for so long a time that it is put aside.  Raises CaseLost."""
    investigation = await cloud.gathered(begin_all).ask((incident, seat_is_wanted))
    await investigation.run()
    return investigation.case


async def begin_all(begun: Sequence[tuple[Incident, Callable[[], bool]]], cloud: Cloud) -> list[Investigation]:
    """Those that begin in the same moment."""
    cases = await case_files([incident for incident, _ in begun], cloud)
    fresh = [case for case in cases if case.incident.phase is IncidentPhase.SUSPECTED]
    asking = "asking its neighbours and its power controller"
    await advance_all(
        IncidentEvent.INVESTIGATE, [case.step(IncidentEvent.INVESTIGATE, asking) for case in fresh], cloud
    )
    grounds = await grounds_of([HostId(str(case.incident.host_id)) for case in cases], cloud)
    return [
        Investigation(
            case=case,
            host=ground.host,
            policy=FencePolicy(ground.cluster.fence_policy),
            may_be_fenced=ground.may_be_fenced,
            inquiry=Inquiry(ground.host, case.id, cloud, power=ground.power),
            cloud=cloud,
            last_heard_at=last_contact(ground.host, cloud),
            generations=cloud.fleet.generations_told(ground.host.id, case.incident.host_boot_id),
            seat_is_wanted=seat_is_wanted,
        )
        for case, ground, (_, seat_is_wanted) in zip(cases, grounds, begun, strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What of a host is asked once.  `power`: how its power controller is asked, if it has one that is in use."""

    host: Host
    cluster: Cluster
    may_be_fenced: bool
    power: OutOfBand | None


async def grounds_of(host_ids: Sequence[HostId], cloud: Cloud) -> list[Ground]:
    store = cloud.store
    hosts = {each.id: each for each in await store.hosts.find(any_of("id", host_ids))}
    of_hosts = sorted({each.cluster_id for each in hosts.values()}), sorted({each.zone_id for each in hosts.values()})
    clusters = {each.id: each for each in await store.clusters.find(any_of("id", of_hosts[0]))}
    zones = {each.id: each for each in await store.zones.find(any_of("id", of_hosts[1]))}
    power = {each.id: each for each in (await places_of_power(host_ids, cloud)).values() if each.enabled}
    return [
        Ground(
            host=host,
            cluster=clusters[host.cluster_id],
            may_be_fenced=may_act_on(host, clusters[host.cluster_id], zones[host.zone_id]),
            power=power.get(host.id),
        )
        for host in (hosts[host_id] for host_id in host_ids)
    ]


def last_contact(host: Host, cloud: Cloud) -> float:
    """By our own clock.  A controller that never heard the host itself counts from now."""
    heard_at = cloud.fleet.heard_at(host.id)
    return cloud.clock.monotonic() if heard_at is None else heard_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A host is dead, and why.  `settled`: those of its guests that the proofs cover; `unproven`: the others."""

    case: CaseFile
    host: Host
    proofs: tuple[Proof, ...]
    settled: Mapping[VmId, Settled]
    unproven: Set[VmId]
    evidence: Evidence

    @property
    def why(self) -> str:
        return "; ".join(str(proof) for proof in self.proofs)

    def knows(self, vm: Vm) -> bool:
        return vm.id in self.settled or vm.id in self.unproven

    def freed(self, vm: Vm) -> Freed:
        return Freed(vm=vm, settled=self.settled[vm.id], evidence=self.evidence)


async def declare_down(finding: Finding, cloud: Cloud) -> None:
    """The host, its guests and the incident change together, and with them those of other hosts that are proven dead in the same moment.  Raises
    Stale when one of its rows changed meanwhile; then one looks again."""
    cloud.fleet.bar_holds(finding.host.id)
    await cloud.gathered(declare_all_down, TOGETHER_MAX).ask(finding)
    cloud.fleet.bells.ring(DECISIONS)
    cloud.fleet.give_up_orders(finding.host.id, finding.why)
    cloud.fleet.drop_session(finding.host.id, "proven dead")


async def declare_all_down(findings: Sequence[Finding], cloud: Cloud) -> list[None]:
    steps = [
        each.case.step(IncidentEvent.PROVEN, f"proven: {each.why}", *each.proofs, evidence=each.evidence)
        for each in findings
    ]
    of_host = {each.host.id: each for each in findings}
    async with cloud.store.transaction() as store:
        await _change_hosts(store, findings)
        freed = await _freed(store, of_host)
        await release_all(store, freed, cloud)
        left = await store.vms.find(any_of("host_id", list(of_host)))
        await leave_unproven(store, [(of_host[HostId(str(vm.host_id))].case, vm) for vm in left])
        await tell_hosts_down(store, findings, freed, cloud)
        written = await take_steps(store, IncidentEvent.PROVEN, steps)
    for step, incident in zip(steps, written, strict=True):
        step.is_written(incident)
    return [None] * len(findings)


async def _change_hosts(store: Store, findings: Sequence[Finding]) -> None:
    changes = [
        HostChange(
            host=each.host,
            into=replace(each.host, proven_dead_boot_id=each.case.incident.host_boot_id),
            why=each.why,
        )
        for each in findings
    ]
    await change_hosts(store, HostEvent.HOST_DOWN, await store.now(), changes)


async def _freed(store: Store, of_host: Mapping[HostId, Finding]) -> list[tuple[CaseFile, Freed]]:
    freed = []
    for vm in await guests_to_release(store, *of_host):
        finding = of_host[HostId(str(vm.host_id))]
        if not finding.knows(vm):
            raise Stale(f"host {finding.host.name} was given a guest meanwhile")
        if vm.id in finding.settled:
            freed.append((finding.case, finding.freed(vm)))
    return freed


async def tell_hosts_down(
    store: Store, findings: Sequence[Finding], freed: Sequence[tuple[CaseFile, Freed]], cloud: Cloud
) -> None:
    released, events, troubles = Counter(case.id for case, _ in freed), [], []
    for each in findings:
        host, subject = each.host, f"Host down, {each.host.name}"
        text = f"{subject}: {each.proofs[0]}; {released[each.case.id]} guests are released"
        events.append(cloud.journal.entry("HA.STATE.TRANSITION", text, about_host(host), level=Level.ERROR))
        key, place = alert_key(host), place_of(host)
        troubles.append(Trouble(type=AlertType.HOST, subject=subject, description=text, dedupe_key=key, place=place))
    await store.events.add_all(events)
    await cloud.journal.alert_of_all(store, troubles)


def alert_key(host: Host) -> str:
    return f"host:{host.id}"


def off_and_over_at(known: Case, proofs: Sequence[Proof]) -> float | None:
    """Of a host that is off delta was over some time after that was first read, which may be long before the leases agree."""
    if known.power is None or not isinstance(proofs[0], PoweredOff):
        return None
    return known.power.since + known.timing.late_io_seconds
