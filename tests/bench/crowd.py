"""Many agents in one process: each with its own certificate and mutual TLS connection, beating, answering, and dialling again when lost.

They do what the shipped link does, as far as a controller can tell: Hello, one heartbeat an interval, results, reports, full-jitter
waits between attempts, and the wait that a refusal names.  Dead hosts stop beating and say nothing more; their neighbours see
their slots stand still and say so once the profile's time is over."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import NamedTemporaryFile

from mainstay_agent.lease.bounds import dead_after
from mainstay_agent.link.link import WELCOME_SECONDS
from mainstay_agent.link.over_grpc import SESSION
from mainstay_proto import codec
from mainstay_proto.digest import digest_of
from mainstay_proto.messages import (
    Command,
    CommandResult,
    Down,
    GuestReport,
    GuestState,
    Heartbeat,
    Hello,
    HostFacts,
    PoolLease,
    PowerReport,
    ProbeHost,
    Redirect,
    Refused,
    ReportRequest,
    RunState,
    Sightings,
    SlotSighting,
    StartGuest,
    StopGuest,
    Welcome,
)
from mainstay_proto.profiles import PROFILES
from mainstay_runtime.clock import SystemClock, SystemRng
from mainstay_runtime.identity import CONTROLLER_NAME, Identity
from tests.bench.http2 import Call, dial, message

CLOCK, RNG = SystemClock(), SystemRng()
BACKOFF_CAP_SECONDS = 5.0
DIALS_AT_ONCE = 50
"""Of a process: each agent has a machine of its own for its half of a handshake, here they share one, and those who are in must not be kept from
beating by those who come."""
SLICES = 100
"""Of an interval: heartbeats are spread over them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One host as it is told to the crowd."""

    host_id: str
    pool_id: str
    guests: tuple[str, ...] = ()


@dataclass(eq=False)
class Agent:
    station: Station
    context: ssl.SSLContext
    crowd: Crowd
    call: Call | None = None
    welcomed: bool = False
    guests: dict[str, GuestReport] = field(default_factory=dict)
    beat: bytes = b""
    dead: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)
    retry_after_seconds: float | None = None

    def __post_init__(self) -> None:
        running = [GuestReport(vm_id=vm, state=GuestState.RUNNING, epoch=1) for vm in self.station.guests]
        self.guests = {guest.vm_id: guest for guest in running}
        self._make_beat()

    def _make_beat(self) -> None:
        lease = PoolLease(
            pool_id=self.station.pool_id, generation=1, sequence=9, valid=True, age_seconds=0.5, remaining_seconds=9.5
        )
        digest = digest_of(self.guests.values())
        beat = Heartbeat(host_id=self.station.host_id, sequence=1, digest=digest, leases=(lease,))
        self.beat = message(codec.up.encode(beat))

    async def live(self) -> None:
        """For ever: one session after another."""
        attempt = 0
        while not self.dead:
            self.over.clear()
            self.answered.clear()
            self.welcomed, self.given_up, self.retry_after_seconds = False, False, None
            self.call = Call(SESSION, CONTROLLER_NAME, codec.up.encode(self._hello()), self._hear, self._ended)
            try:
                async with self.crowd.dialling:
                    await dial(self.call, "127.0.0.1", self.crowd.port, self.context)
                await self._be_answered(self.call)
                await self.over.wait()
            except (OSError, TimeoutError) as error:
                self.crowd.lost[type(error).__name__] += 1
            attempt = 0 if self.welcomed else attempt + 1
            wait = self.retry_after_seconds
            await CLOCK.sleep(wait if wait is not None else RNG.uniform(0, min(BACKOFF_CAP_SECONDS, 0.2 * 2**attempt)))

    async def _be_answered(self, call: Call) -> None:
        """Raises TimeoutError when the controller neither welcomes nor refuses it in time; it then goes without a word, as the link does."""
        try:
            async with asyncio.timeout(WELCOME_SECONDS):
                await self.answered.wait()
        except TimeoutError:
            self.given_up = True
            call.cut()
            raise

    def die(self) -> None:
        """Its power is gone: the connection stays, and nothing is said any more."""
        self.dead = True

    def _hello(self) -> Hello:
        facts = HostFacts(
            host_id=self.station.host_id,
            name=f"host-{self.station.host_id[:8]}",
            hypervisor="Simulator",
            boot_id=f"boot-{self.station.host_id}",
            ip="",
            cpu_sockets=2,
            cpus=64,
            cpu_mhz=2000,
            memory_mib=262_144,
            guests=tuple(self.guests.values()),
            watchdog=True,
        )
        return Hello(
            agent_id=self.station.host_id,
            version="0.1.0",
            protocol_minor=1,
            hosts=(facts,),
            resumed=self.crowd.has_been_in,
        )

    def _ended(self, why: str) -> None:
        if not self.welcomed and not self.given_up and self.retry_after_seconds is None:
            self.crowd.lost[f"before its welcome: {why}"] += 1
        self.crowd.present.discard(self)
        self.answered.set()
        self.over.set()

    def _hear(self, body: bytes) -> None:
        if self.dead:
            return
        down: Down = codec.down.decode(body)
        match down:
            case Welcome():
                self.welcomed = True
                self.answered.set()
                self.crowd.came(self, down)
                self.say_beat()
            case Refused():
                self.crowd.sent_back[down.code] += 1
                self.retry_after_seconds = down.retry_after_seconds or 1.0
            case Redirect():
                self.retry_after_seconds = 0.0
            case ReportRequest():
                self._report(complete=True, guests=self.guests.values())
            case Command():
                self._obey(down)
            case _:
                pass

    def say_beat(self) -> None:
        if self.call is not None and not self.dead:
            self.call.send_frame(self.beat)

    def _obey(self, command: Command) -> None:
        self.crowd.orders[type(command.order).__name__] += 1
        result = CommandResult(command_id=command.command_id, state=RunState.DONE)
        match command.order:
            case ProbeHost(host_id=host_id):
                result = replace(result, sightings=self.crowd.sightings_of(host_id))
            case StartGuest(spec=spec):
                self.crowd.starts.append(CLOCK.monotonic())
                guest = GuestReport(vm_id=spec.vm_id, state=GuestState.RUNNING, epoch=spec.epoch)
                self._now_runs(guest)
            case StopGuest(vm_id=vm_id):
                self.guests.pop(vm_id, None)
                self._make_beat()
            case _:
                pass
        self._say(codec.up.encode(result))

    def _now_runs(self, guest: GuestReport) -> None:
        self.guests[guest.vm_id] = guest
        self._make_beat()
        self._report(complete=False, guests=(guest,))

    def _report(self, *, complete: bool, guests: Iterable[GuestReport]) -> None:
        report = PowerReport(host_id=self.station.host_id, complete=complete, guests=tuple(guests))
        self._say(codec.up.encode(report))

    def _say(self, body: bytes) -> None:
        if self.call is not None:
            self.call.send(body)

    def tells_of(self, sightings: tuple[SlotSighting, ...]) -> None:
        self._say(codec.up.encode(Sightings(host_id=self.station.host_id, sightings=sightings)))


@dataclass(eq=False)
class Crowd:
    port: int
    has_been_in: bool = False
    agents: dict[str, Agent] = field(default_factory=dict)
    present: set[Agent] = field(default_factory=set)
    lost: Counter[str] = field(default_factory=Counter)
    sent_back: Counter[str] = field(default_factory=Counter)
    starts: list[float] = field(default_factory=list)
    orders: Counter[str] = field(default_factory=Counter)
    dialling: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(DIALS_AT_ONCE))
    late_seconds: float = 0.0
    """How late this process was to say a beat, at worst: no controller can hear it sooner."""
    interval_seconds: float = 1.0
    profile: str = "fast"
    pools: dict[str, str] = field(default_factory=dict)
    """On which each host has its lease slot, other crowds' hosts included."""
    fell_at: dict[str, float] = field(default_factory=dict)
    """Whose slots stand still, in this crowd and in others, and since when."""

    def enrol(self, stations: Iterable[Station], identities: Iterable[Identity]) -> None:
        for station, held in zip(stations, identities, strict=True):
            self.agents[station.host_id] = Agent(station, context_of(held), self)

    def came(self, agent: Agent, welcome: Welcome) -> None:
        self.interval_seconds = welcome.ping_interval_seconds
        self.profile = welcome.profile.name
        self.present.add(agent)

    async def beat(self) -> None:
        """For ever: all agents once an interval, a slice at a time."""
        everybody, slice_ = list(self.agents.values()), 0
        due = CLOCK.monotonic()
        while True:
            for agent in everybody[slice_::SLICES]:
                if agent.welcomed and agent in self.present:
                    agent.say_beat()
            self.late_seconds = max(self.late_seconds, CLOCK.monotonic() - due)
            slice_ = (slice_ + 1) % SLICES
            due = max(due + self.interval_seconds / SLICES, CLOCK.monotonic() - self.interval_seconds)
            await CLOCK.sleep(max(0.0, due - CLOCK.monotonic()))

    def fall(self, host_ids: Iterable[str], at: float) -> None:
        for host_id in host_ids:
            self.fell_at[host_id] = at
            if host_id in self.agents:
                self.agents[host_id].die()

    def silence(self, host_ids: Iterable[str]) -> None:
        """Their beats end; their slots do not stand still."""
        for agent in [self.agents[host_id] for host_id in host_ids if host_id in self.agents]:
            agent.die()

    def told(self) -> dict[str, object]:
        """What happened since this was asked last."""
        told: dict[str, object] = {"lost": self.lost, "sent_back": self.sent_back, "starts": self.starts}
        told["late_seconds"] = self.late_seconds
        self.lost, self.sent_back, self.starts, self.late_seconds = Counter(), Counter(), [], 0.0
        self.has_been_in = True
        return told

    def ordered(self) -> Counter[str]:
        """Which orders were given since this was asked last."""
        orders, self.orders = self.orders, Counter()
        return orders

    def sightings_of(self, host_id: str) -> tuple[SlotSighting, ...]:
        profile, fell_at = PROFILES[self.profile], self.fell_at.get(host_id)
        unchanged = 0.5 if fell_at is None else CLOCK.monotonic() - fell_at
        return (
            SlotSighting(
                pool_id=self.pools[host_id],
                host_id=host_id,
                boot_id=f"boot-{host_id}",
                generation=1,
                sequence=9,
                unchanged_seconds=unchanged,
                dead=unchanged > dead_after(profile),
            ),
        )

    async def tell_of_the_fallen(self) -> None:
        """Once their time is over, every neighbour pushes what it sees."""
        await CLOCK.sleep(dead_after(PROFILES[self.profile]) + 0.01)
        fallen: dict[str, list[SlotSighting]] = {}
        for host_id in self.fell_at:
            fallen.setdefault(self.pools[host_id], []).extend(self.sightings_of(host_id))
        for agent in list(self.present):
            if not agent.dead and agent.station.pool_id in fallen:
                agent.tells_of(tuple(fallen[agent.station.pool_id]))


def context_of(held: Identity) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=held.ca_pem.decode())
    context.set_alpn_protocols(["h2"])
    with NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        file.write(held.key_pem + held.certificate_pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context
