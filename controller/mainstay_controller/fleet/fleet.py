"""All hosts as seen from this controller: their sessions, their newest picture, and who else among the controllers holds them.

What hosts are ordered to do with guests and disks is in `verbs`.

The limits: everything here is in memory.  What was learnt becomes rows through operations, which `inbox` wakes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from mainstay_controller.domain.ha.case import LeaseTiming, PowerState
from mainstay_controller.domain.ha.evidence import GuestSeen
from mainstay_controller.domain.ha.suspicion import Contact, LastHeard, Silence
from mainstay_controller.domain.ids import ControllerId, HostId, PoolId
from mainstay_controller.domain.records import OutOfBand
from mainstay_controller.fleet.bells import Bells
from mainstay_controller.fleet.commands import NOT_CONNECTED, OrdersUnderWay, not_sent, outcome_of, unanswered
from mainstay_controller.fleet.elsewhere import Elsewhere, Relay
from mainstay_controller.fleet.gate import Gate, HostArrival, Orientation, TurnedAway
from mainstay_controller.fleet.holds import Holds
from mainstay_controller.fleet.moves import Moves
from mainstay_controller.fleet.news import GuestNote, Inbox
from mainstay_controller.fleet.outcome import Done, Outcome
from mainstay_controller.fleet.power.port import PowerAction, PowerControllers, PowerSaid
from mainstay_controller.fleet.presence import Presence, Presences
from mainstay_controller.fleet.screens import ScreenLines
from mainstay_controller.fleet.sessions import AgentSession
from mainstay_controller.fleet.telling import Telling
from mainstay_controller.fleet.translate import Verdict, arrival, guest_seen, lease_timing, verdict_in
from mainstay_controller.fleet.verbs import MigrationStep, Verbs, pool_mount
from mainstay_proto import messages as m
from mainstay_proto.peers import Pictures, PicturesWanted
from mainstay_proto.profiles import PROFILES, outlast
from mainstay_runtime.clock import Clock, Rng
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.identity import PeerIdentity
from mainstay_runtime.tasks import all_of

PROTOCOL_MINOR = 1
NOT_LEADING = "this controller gives no orders: its place among the controllers is in doubt"
EVER = dict.fromkeys(Contact, float("inf"))
MOVING_SECONDS, MOVING_LOOK_SECONDS = 5.0, 0.1
REPORT_PATIENCE_SECONDS = 5.0
"""A host that was asked for a report is not asked again before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTiming:
    ping_interval_seconds: float = 1.0
    ping_timeout_factor: float = 3.0


class Fleet(Verbs):
    def __init__(
        self,
        *,
        controller_id: ControllerId,
        clock: Clock,
        rng: Rng,
        timing: SessionTiming | None = None,
        power: PowerControllers | None = None,
    ) -> None:
        super().__init__()
        self.inbox = Inbox()
        self.screens = ScreenLines()
        self.power = power or PowerControllers({})
        self.controllers: tuple[str, ...] = ()  # host:port of all controllers, told to agents in Welcome
        self._controller_id = controller_id
        self._clock = clock
        self._rng = rng
        self._timing = timing or SessionTiming()
        self._gate: Gate | None = None
        self._hosts = Presences()
        self._orders = OrdersUnderWay(clock)
        self.bells = Bells()  # whatever somebody may wait for
        self._verdicts: dict[tuple[HostId, HostId], frozenset[Verdict]] = {}
        self._holds = Holds()
        self._moves = Moves()
        self._leads_until = float("-inf")
        self._profiles: dict[HostId, m.LeaseProfile] = {}
        self._telling = Telling(f"{controller_id}@{clock.monotonic()}", self._hosts)
        self._elsewhere = Elsewhere()
        self._relay: Relay | None = None
        self._look_for_peers: Callable[[], Awaitable[None]] | None = None
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")

    def open_to_agents(self, gate: Gate) -> None:
        """Until then every agent is asked to come again."""
        self._gate = gate

    # --- pools and slots ----------------------------------------------------------------------------------------------

    async def orient(self, host_id: HostId, orientation: Orientation) -> bool:
        """Tell a live host its pools anew; False when it is not live: it will be told when it comes."""
        word = m.Mounts(
            host_id=host_id,
            mounts=tuple(pool_mount(mount) for mount in orientation.mounts.get(host_id, ())),
            lease_names=orientation.lease_names,
            profile=PROFILES[orientation.profile],
        )
        address = None if self.holds(host_id) else self._elsewhere.address(host_id, self._clock.monotonic())
        if address is None or self._relay is None:
            return self.pass_on(word)
        try:
            return await self._relay.orient(address, word)
        except Unavailable:
            return False

    def pass_on(self, word: m.Mounts) -> bool:
        """To a host in session here."""
        presence = self._hosts.get(HostId(word.host_id))
        if presence is None or presence.session is None:
            return False
        if word.profile is not None:
            self._profiles[presence.host_id] = word.profile
        return say(presence.session, word)

    # --- investigation ------------------------------------------------------------------------------------------------

    async def probe_host(
        self, neighbour_id: HostId, host_id: HostId, ip: str, *, command_id: str, deadline_seconds: float
    ) -> Outcome:
        """Done.answer["ping"] is yes, no or unknown (no ip: not asked); Done.slots what the neighbour sees of its slots now.  On which pools the
        neighbour's own renewals land is kept (`pool_moved_at`)."""
        asked_at = self._clock.monotonic()
        told = await self._order(neighbour_id, m.ProbeHost(host_id=host_id, ip=ip), command_id, deadline_seconds)
        if isinstance(told, Done):
            self._moves.told(told.answer, asked_at, self._profile_of(neighbour_id).clock_error)
        return told

    def pool_moved_at(self, pool_id: PoolId) -> float:
        """Some write that this pool has completed was begun no earlier, on our clock."""
        return self._moves.moved_at(pool_id)

    async def watch_host(
        self, neighbour_id: HostId, host_id: HostId, *, watch_seconds: float, command_id: str, deadline_seconds: float
    ) -> Outcome:
        """From now on the neighbour pushes what it sees: `next_verdict_of` tells when it changed."""
        order = m.WatchHost(host_id=host_id, until_seconds=watch_seconds)
        return await self._order(neighbour_id, order, command_id, deadline_seconds)

    async def poison_host(
        self,
        neighbour_id: HostId,
        host_id: HostId,
        poison_id: str,
        pool_ids: tuple[PoolId, ...],
        *,
        command_id: str,
        deadline_seconds: float,
    ) -> Outcome:
        order = m.PoisonHost(host_id=host_id, incident_id=poison_id, pool_ids=pool_ids)
        return await self._order(neighbour_id, order, command_id, deadline_seconds)

    def ring(self, host_id: HostId) -> None:
        """Something was learnt about that host."""
        self.bells.ring(host_id)

    def words_about(self, host_id: HostId) -> int:
        """How often the bell has rung: to be read before one looks."""
        return self.bells.rung(host_id)

    async def next_word_about(self, host_id: HostId, *, after: int, within_seconds: float) -> None:
        """Until something was learnt about that host since `after`, it spoke itself, or the time is over."""
        await self.bells.next(host_id, after=after, within_seconds=within_seconds)

    async def next_verdict_of(self, observer_id: HostId, host_id: HostId, within_seconds: float) -> None:
        """Until that observer, who watches that host, sees its slots otherwise than before, or the time is over."""
        bell = (observer_id, host_id)
        await self.bells.next(bell, after=self.bells.rung(bell), within_seconds=within_seconds)

    def holds_over_at(self, host_id: HostId, pool_id: PoolId) -> float:
        """When every hold-grant to that host that may be outstanding is over, on our clock: those given here, and those of whoever
        answered for it before us."""
        presence = self._hosts.get(host_id)
        known_since = presence.known_since if presence else self._clock.monotonic()
        profile = self._profile_of(host_id)
        inherited_over = known_since + outlast(profile, profile.hold_seconds)
        return max(inherited_over, self._holds.over_at(host_id, pool_id) or inherited_over)

    def lease_timing(self, host_id: HostId) -> LeaseTiming:
        return lease_timing(self._profile_of(host_id))

    def lead_until(self, at: float) -> None:
        """Our place among the controllers is ours until then; whoever takes over afterwards must not meet new holds of ours."""
        self._leads_until = at

    @property
    def leads(self) -> bool:
        """Whether our place among the controllers is certainly ours now: only then do we give orders."""
        return self._clock.monotonic() < self._leads_until

    async def switch_power(self, where: OutOfBand, action: PowerAction, deadline_seconds: float) -> PowerSaid:
        """As with every order: given only while our place is ours, and over before another may have it."""
        left_seconds = self._leads_until - self._clock.monotonic()
        if left_seconds <= 0:
            return PowerSaid(state=PowerState.UNKNOWN, code="not-leading", detail=NOT_LEADING)
        return await self.power.act(where, action, min(deadline_seconds, left_seconds))

    def bar_holds(self, host_id: HostId) -> None:
        """Before a lease proof is committed: no new hold from here on, until `allow_holds`."""
        self._holds.bar(host_id)

    def allow_holds(self, host_id: HostId) -> None:
        self._holds.allow(host_id)

    # --- who is here --------------------------------------------------------------------------------------------------

    def is_connected(self, host_id: HostId) -> bool:
        """Orders reach it: here, or through the controller that holds it."""
        return self.holds(host_id) or self._elsewhere.address(host_id, self._clock.monotonic()) is not None

    def holds(self, host_id: HostId) -> bool:
        """It is in session with this controller."""
        presence = self._hosts.get(host_id)
        return presence is not None and presence.is_held

    def held(self) -> tuple[HostId, ...]:
        return tuple(presence.host_id for presence in self._hosts if presence.is_held)

    def last_heard(self, before: Mapping[Contact, float] = EVER) -> Iterator[LastHeard]:
        """Of hosts that were last heard before that moment, by how we stand with them."""
        return self._hosts.last_heard(before, self._clock.monotonic())

    def gaps_since(self, since: float) -> list[float]:
        return self._hosts.gaps_since(since)

    def heard_at(self, host_id: HostId) -> float | None:
        presence = self._hosts.get(host_id)
        return presence.heard_at if presence else None

    def is_heard_since(self, silence: Silence) -> bool:
        """Or stands at the gate.  Whoever asked the database about a silence asks this afterwards: the host may have come meanwhile."""
        heard_at = self.heard_at(silence.host_id)
        return self.is_at_the_gate(silence.host_id) or (heard_at is not None and heard_at > silence.since)

    def is_at_the_gate(self, host_id: HostId) -> bool:
        """Its agent has come to us, and is not let in yet: it waits, or was told when to come again."""
        return self._hosts.is_at_the_gate(host_id, self._clock.monotonic())

    def has_beaten(self, host_id: HostId) -> bool:
        """In its present session: its leases are known, so that orders can be given under them."""
        presence = self._hosts.get(host_id)
        return presence is not None and presence.beaten

    def lapsed_pools(self, host_id: HostId) -> frozenset[PoolId]:
        """Pools whose lease the host says it has not: it would refuse a guest there."""
        _, leases = self._boot_and_leases(host_id)
        return frozenset(PoolId(lease.pool_id) for lease in leases if not lease.valid)

    def leased_pools(self, host_id: HostId) -> frozenset[PoolId]:
        """Pools on which it has a lease that is valid now: there it takes guests."""
        _, leases = self._boot_and_leases(host_id)
        return frozenset(PoolId(lease.pool_id) for lease in leases if lease.valid)

    def generations_told(self, host_id: HostId, boot_id: str | None) -> dict[PoolId, int]:
        """Of its leases, by that boot's own last word to us; nothing if it never beat here."""
        presence = self._hosts.get(host_id)
        if presence is None or presence.arrival is None or presence.arrival.boot_id != boot_id:
            return {}
        return {PoolId(lease.pool_id): lease.generation for lease in presence.leases}

    def hypervisor_responds(self, host_id: HostId) -> bool:
        presence = self._hosts.get(host_id)
        return presence is not None and presence.hypervisor_responds

    def hypervisor_is_silent(self, host_id: HostId) -> bool:
        """By the host's own last beat; of a host that beats to another controller we do not know."""
        presence = self._hosts.get(host_id)
        return presence is not None and not presence.hypervisor_responds

    def arrival(self, host_id: HostId) -> HostArrival | None:
        presence = self._hosts.get(host_id)
        return presence.arrival if presence else None

    def guests_on(self, host_id: HostId) -> tuple[GuestSeen, ...]:
        """All guests by the host's last word; every report is complete or patches a complete one."""
        presence = self._hosts.get(host_id)
        return presence.guests if presence else ()

    def load(self, host_id: HostId) -> m.LoadReport | None:
        presence = self._hosts.get(host_id)
        return presence.load if presence else None

    def adopt(self, host_id: HostId, profile: str) -> None:
        """Watch a host that no controller answers for any more."""
        self._hosts.adopt(host_id, self._clock.monotonic())
        self._profiles.setdefault(host_id, PROFILES[profile])

    def forget(self, host_id: HostId) -> None:
        """Stop watching: it was removed, or belongs to another controller."""
        self._hosts.forget(host_id)
        self._telling.changed(host_id)
        self.bells.forget(host_id)

    def give_up_orders(self, host_id: HostId, reason: str) -> None:
        """The host is proven dead: its open orders end as Unknown now."""
        self._orders.give_up(host_id, reason)

    def drop_session(self, host_id: HostId, reason: str) -> None:
        presence = self._hosts.get(host_id)
        if presence is not None and presence.session is not None:
            presence.session.close(reason)

    # --- other controllers --------------------------------------------------------------------------------------------

    def know_peers(self, addresses: dict[ControllerId, str]) -> None:
        """All other controllers that live, and where they are."""
        self._elsewhere.know(addresses, self._clock.monotonic())

    def peers_heard_since(self) -> float:
        """All other controllers, without a gap."""
        return self._elsewhere.heard_since(self._clock.monotonic())

    def hear_through(self, relay: Relay, look_for_peers: Callable[[], Awaitable[None]]) -> None:
        """`look_for_peers` ends in `know_peers`, or leaves what we know as it is."""
        self._relay = relay
        self._look_for_peers = look_for_peers

    def tell(self, wanted: PicturesWanted) -> Pictures:
        """To another controller: what is new of our hosts."""
        return self._telling.tell(wanted)

    async def ask_peers(self) -> list[HostId]:
        """What is new with the others.  Returns hosts that a peer holds as of now and that are in session here too: one of us is mistaken."""
        relay = self._relay
        if relay is None:
            return []
        peers = self._elsewhere.peers()
        answers = await all_of(*(answer_of(relay.tell(peer.address, peer.wanted())) for _, peer in peers))
        now, doubled = self._clock.monotonic(), []
        for (controller_id, _), told in zip(peers, answers, strict=True):
            if told is not None:
                doubled += [host for host in self._elsewhere.heard(controller_id, told, now) if self.holds(host)]
        return doubled

    async def carry_out(self, command: m.Command) -> m.CommandResult:
        """An order to a host in session here, ours or another controller's."""
        if not self.leads:
            return not_sent(command, NOT_LEADING)
        presence = self._hosts.get(HostId(command.host_id))
        session = presence.session if presence is not None and presence.is_held else None
        return await self._orders.perform(command, session.send if session is not None else None)

    def send_away(self, hosts_max: int, addresses: Sequence[str], reason: str) -> int:
        """Ask agents to go on with another controller, each with the next of `addresses`; how many hosts that are."""
        sent = 0
        sessions = {presence.session for presence in self._hosts if presence.session is not None and presence.is_held}
        for number, session in enumerate(sorted(sessions, key=lambda session: session.agent_id)):
            if sent + len(session.hosts) > hosts_max:
                break
            for presence in map(self._hosts.get, map(HostId, session.hosts)):
                if presence is not None:
                    presence.parts_as = Contact.AWAITED
                    self._telling.changed(presence.host_id)
            to = (addresses[number % len(addresses)],) if addresses else ()
            session.close(reason, m.Redirect(controllers=to, reason=reason))
            sent += len(session.hosts)
        return sent

    # --- SessionSink --------------------------------------------------------------------------------------------------

    def knocking(self, agent_id: str) -> AbstractContextManager[None]:
        self._hosts.knocked(agent_id, self._clock.monotonic())
        return self._hosts.let_in(self._hosts.spoken_for_by(agent_id))

    def sent_away(self, agent_id: str, seconds: float) -> None:
        now = self._clock.monotonic()
        self._hosts.come_again(self._hosts.spoken_for_by(agent_id), now, now + seconds)

    async def opened(self, hello: m.Hello, peer: PeerIdentity, session: AgentSession) -> m.Welcome | m.Refused:
        arrivals = tuple(
            arrival(facts, agent_id=peer.id, agent_version=hello.version, resumed=hello.resumed)
            for facts in hello.hosts
        )
        if self._gate is None or not self.leads:
            return m.Refused(code="overloaded", detail="this controller does not lead yet", retry_after_seconds=1.0)
        with self._hosts.let_in([arrived.host_id for arrived in arrivals]):
            answer = await self._gate.admit(arrivals)
        if isinstance(answer, TurnedAway):
            return m.Refused(code=answer.code, detail=answer.detail, retry_after_seconds=answer.retry_after_seconds)
        for facts, arrived in zip(hello.hosts, arrivals, strict=True):
            self._let_in(arrived, facts.guests, session, answer)
        return self._welcome(answer)

    async def received(self, session: AgentSession, up: m.Up) -> None:
        now = self._clock.monotonic()
        match up:
            case m.CommandResult():
                self._orders.answered(up)
            case m.MigrationProgress():
                self._migrations[up.command_id] = MigrationStep(percent=up.percent, phase=up.phase)
            case m.Goodbye():
                self._part(session, Contact.LEFT, now)
            case m.Heartbeat() | m.PowerReport() | m.GuestEvent() | m.Sightings() | m.HoldRequest() | m.LoadReport():
                presence = self._hosts.get(HostId(up.host_id))
                if presence is not None and presence.session is session:
                    self._heard(presence, up, now)
            case m.Hello() | m.RenewCertificate() | m.UnknownMessage():
                pass  # rpc answers these itself

    async def closed(self, session: AgentSession, reason: str) -> None:
        self._part(session, Contact.LOST, self._clock.monotonic())

    async def twinned(self, session: AgentSession) -> None:
        for host_id in session.hosts:
            self.inbox.about(HostId(host_id)).has_a_twin = True

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _order(self, host_id: HostId, order: m.Order, command_id: str, deadline_seconds: float) -> Outcome:
        command = m.Command(command_id=command_id, host_id=host_id, deadline_seconds=deadline_seconds, order=order)
        return outcome_of(await self._carried(command), host_id)

    async def _carried(self, command: m.Command) -> m.CommandResult:
        """An order for a host on its way between controllers waits until somebody has the host; until then nothing was sent."""
        given_up_at = self._clock.monotonic() + MOVING_SECONDS
        result = await self._carried_where_it_is(command)
        while result.code == NOT_CONNECTED and self.leads and self._clock.monotonic() < given_up_at:
            if not await self._is_somewhere(HostId(command.host_id)):
                break
            await self._clock.sleep(MOVING_LOOK_SECONDS)
            result = await self._carried_where_it_is(command)
        return result

    async def _carried_where_it_is(self, command: m.Command) -> m.CommandResult:
        address = self._elsewhere.address(HostId(command.host_id), self._clock.monotonic())
        if self.holds(HostId(command.host_id)) or address is None or self._relay is None:
            return await self.carry_out(command)
        if not self.leads:
            return not_sent(command, NOT_LEADING)
        try:
            return await self._relay.perform(address, command)
        except Unavailable as error:
            return unanswered(command.command_id, "unknown", f"the controller at {address} did not answer: {error}")

    async def _is_somewhere(self, host_id: HostId) -> bool:
        """With a controller, or on its way to one.  What we know of the others is seconds old: they are looked for and asked now, once for
        all who wonder."""
        wondered_at = self._clock.monotonic()
        async with self._asking:
            if self._look_for_peers is not None and self._asked_at < wondered_at:
                self._asked_at = self._clock.monotonic()
                await self._look_for_peers()
                await self.ask_peers()
        presence = self._hosts.get(host_id)
        sent_away = presence is not None and presence.is_moving
        return sent_away or self.is_connected(host_id) or self._elsewhere.is_moving(host_id, self._clock.monotonic())

    def _profile_of(self, host_id: HostId) -> m.LeaseProfile:
        """Of a host we know nothing of, the most patient."""
        return self._profiles.get(host_id) or max(PROFILES.values(), key=lambda each: each.validity_seconds)

    def tenure(self, host_id: HostId) -> m.Tenure | None:
        boot_id, leases = self._boot_and_leases(host_id)
        if boot_id is None:
            return None
        generations = tuple(m.PoolGeneration(pool_id=lease.pool_id, generation=lease.generation) for lease in leases)
        return m.Tenure(boot_id=boot_id, generations=generations)

    def _boot_and_leases(self, host_id: HostId) -> tuple[str | None, tuple[m.PoolLease, ...]]:
        """By its own word to us, or to the controller that holds it."""
        presence = self._hosts.get(host_id)
        if presence is None or presence.session is None:
            picture = self._elsewhere.picture(host_id, self._clock.monotonic())
            if picture is not None:
                return picture.boot_id, picture.leases
        if presence is None or presence.arrival is None:
            return None, ()
        return presence.arrival.boot_id, presence.leases

    def _let_in(
        self,
        arrived: HostArrival,
        guests: tuple[m.GuestReport, ...],
        session: AgentSession,
        orientation: Orientation,
    ) -> None:
        held_elsewhere = arrived.host_id in orientation.held_elsewhere
        presence = self._hosts.arrived(arrived, session, self._clock.monotonic(), held_elsewhere=held_elsewhere)
        presence.report(guests, complete=True)
        self._profiles[arrived.host_id] = PROFILES[orientation.profile]
        self._telling.changed(arrived.host_id)
        self._orders.send_again(arrived.host_id, session.send)
        self.bells.ring(arrived.host_id)
        self.inbox.about(arrived.host_id)

    def _welcome(self, orientation: Orientation) -> m.Welcome:
        return m.Welcome(
            controller_id=self._controller_id,
            protocol_minor=PROTOCOL_MINOR,
            ping_interval_seconds=self._timing.ping_interval_seconds,
            ping_timeout_factor=self._timing.ping_timeout_factor,
            controllers=tuple(self._rng.shuffled(list(self.controllers))),
            profile=PROFILES[orientation.profile],
            mounts=tuple(
                (host_id, tuple(pool_mount(mount) for mount in mounts))
                for host_id, mounts in orientation.mounts.items()
            ),
            lease_names=orientation.lease_names,
        )

    def _heard(
        self,
        presence: Presence,
        up: m.Heartbeat | m.PowerReport | m.GuestEvent | m.Sightings | m.HoldRequest | m.LoadReport,
        now: float,
    ) -> None:
        match up:
            case m.Heartbeat():
                if self._hosts.beat(presence, up, now):
                    self._telling.changed(presence.host_id)
                    self.inbox.about(presence.host_id).condition_changed = True
                if presence.picture_is_old:
                    self._ask_for_report(presence, now)
            case m.PowerReport():
                presence.report(up.guests, complete=up.complete)
                self.inbox.about(presence.host_id)
            case m.GuestEvent():
                self._note(presence, up)
            case m.Sightings():
                self._sighted(presence.host_id, up)
            case m.HoldRequest():
                self._hold(presence, up, now)
            case m.LoadReport():
                presence.load = up

    def _ask_for_report(self, presence: Presence, now: float) -> None:
        asked = presence.report_asked_at
        if presence.session is None or (asked is not None and now - asked < REPORT_PATIENCE_SECONDS):
            return
        presence.report_asked_at = now
        say(presence.session, m.ReportRequest(host_id=presence.host_id))

    def _note(self, presence: Presence, event: m.GuestEvent) -> None:
        report = m.GuestReport(
            vm_id=event.vm_id, state=event.state, epoch=event.epoch, cause=event.cause, detail=event.detail
        )
        presence.report((report,), complete=False)
        note = GuestNote(
            guest=guest_seen(event), restarted_locally=event.restarted_locally, elapsed_ms=event.elapsed_ms
        )
        self.inbox.about(presence.host_id).notes.append(note)

    def _hold(self, presence: Presence, request: m.HoldRequest, now: float) -> None:
        if not self.leads:
            return
        grant = self._holds.answer(request, self._profiles[presence.host_id], self._hosts, now)
        if grant is not None and presence.session is not None:
            command = m.Command(
                command_id=f"hold:{presence.host_id}:{grant.pool_id}:{grant.request_id}",
                host_id=presence.host_id,
                deadline_seconds=grant.hold_seconds,
                order=m.GrantHold(grant=grant),
            )
            say(presence.session, command)

    def _sighted(self, observer_id: HostId, told: m.Sightings) -> None:
        seen: dict[HostId, set[Verdict]] = {}
        for each in told.sightings:
            seen.setdefault(HostId(each.host_id), set()).add(verdict_in(each))
        for host_id, verdicts in seen.items():
            said = frozenset(verdicts)
            if self._verdicts.get((observer_id, host_id)) != said:
                self._verdicts[observer_id, host_id] = said
                self.bells.ring((observer_id, host_id))

    def _part(self, session: AgentSession, contact: Contact, now: float) -> None:
        for host_id in session.hosts:
            presence = self._hosts.get(HostId(host_id))
            if presence is not None and presence.session is session:
                presence.part(presence.parts_as if contact is Contact.LOST else contact, now)
                self._telling.changed(presence.host_id)
                self.bells.ring(presence.host_id)
                self.inbox.about(presence.host_id).parted = contact


async def answer_of(question: Awaitable[Pictures]) -> Pictures | None:
    try:
        return await question
    except Unavailable:
        return None


def say(session: AgentSession, down: m.Down) -> bool:
    """False when the session is closing; `closed` follows and whoever comes back is told anew."""
    try:
        session.send(down)
    except Unavailable:
        return False
    return True
