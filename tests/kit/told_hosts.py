"""Hosts behind the real Fleet that do what they are told, late, wrongly or not at all - as a story scripts it.

A `ToldHost` keeps guests and volumes, remembers its answers by command id, refuses old epochs, and can be made to answer otherwise: `script` maps a
verb (start, stop, make ...) to what to do with the next orders.  `ToldWorld` sees all hosts, and notes every moment in which a guest
runs twice."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mainstay_controller.fleet.fleet import Fleet
from mainstay_proto import messages as m
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.identity import PeerIdentity, Role

ABILITIES = ("config-drive", "media", "migrate", "volumes")
ANSWER_SECONDS = 0.01
GUEST_SECONDS = 0.2

Reply = m.CommandResult | None


def done(**answer: str) -> m.CommandResult:
    return m.CommandResult(command_id="", state=m.RunState.DONE, answer=tuple(answer.items()))


def refused(code: str, detail: str = "") -> m.CommandResult:
    return m.CommandResult(command_id="", state=m.RunState.REFUSED, code=code, detail=detail)


def failed(code: str, detail: str = "") -> m.CommandResult:
    return m.CommandResult(command_id="", state=m.RunState.FAILED, code=code, detail=detail)


UNKNOWN = m.CommandResult(command_id="", state=m.RunState.UNKNOWN, code="unknown")


@dataclass(frozen=True, slots=True)
class Say:
    """Answer so, and do nothing."""

    result: m.CommandResult


@dataclass(frozen=True, slots=True)
class DoButSay:
    """Do it, and answer so."""

    result: m.CommandResult


class Silence:
    """Do it, and let the answer be lost."""


class Deaf:
    """Neither do it nor answer."""


Twist = Say | DoButSay | Silence | Deaf

VERBS: dict[type, str] = {
    m.StartGuest: "start",
    m.StopGuest: "stop",
    m.RebootGuest: "reboot",
    m.ForgetGuest: "forget",
    m.QueryGuests: "query",
    m.PrepareIncoming: "incoming",
    m.MigrateGuest: "migrate",
    m.AbortMigration: "abort",
    m.CancelIncoming: "cancel",
    m.PrepareVolume: "make",
    m.RemoveVolume: "remove",
    m.CheckPool: "check",
    m.ChangeMedium: "medium",
    m.AttachDisk: "attach",
    m.DetachDisk: "detach",
    m.GrowDisk: "grow",
    m.GrowVolume: "grow-volume",
    m.ShowScreen: "screen",
}


@dataclass(slots=True)
class Guest:
    epoch: int
    state: m.GuestState


class ToldWorld:
    """All hosts of a story, and the count of what must never be."""

    def __init__(self) -> None:
        self.hosts: dict[str, ToldHost] = {}
        self.double_runs: list[str] = []
        self.volumes: dict[str, str] = {}  # path -> volume id, on shared storage
        self.images: dict[str, str | None] = {}  # path -> what it was made from

    def add(self, host_id: str, name: str) -> ToldHost:
        self.hosts[host_id] = ToldHost(host_id, name, self)
        return self.hosts[host_id]

    def where_runs(self, vm_id: str) -> list[str]:
        return [host.name for host in self.hosts.values() if host.runs(vm_id)]

    def look(self) -> None:
        for vm_id in {vm_id for host in self.hosts.values() for vm_id in host.guests}:
            if len(where := self.where_runs(vm_id)) > 1:
                self.double_runs.append(f"{vm_id} runs on {', '.join(where)}")


class ToldHost:
    """fleet.sessions.AgentSession of one host, and the host behind it."""

    def __init__(self, host_id: str, name: str, world: ToldWorld) -> None:
        self.host_id = host_id
        self.name = name
        self.world = world
        self.boot_id = f"boot-1-of-{name}"
        self.facts: dict[str, int] = {"cpus": 8, "cpu_mhz": 2000, "memory_mib": 16384}
        self.guests: dict[str, Guest] = {}
        self.script: dict[str, deque[Twist]] = defaultdict(deque)
        self.orders: list[m.Order] = []
        self.told: list[m.Down] = []
        self.alive = True
        self.on_order: Callable[[str], None] = lambda _verb: None
        self._fleet: Fleet | None = None
        self._results: dict[str, m.CommandResult] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._doing: dict[str, asyncio.Task[None]] = {}

    # --- AgentSession ---

    @property
    def agent_id(self) -> str:
        return self.host_id

    @property
    def hosts(self) -> tuple[str, ...]:
        return (self.host_id,)

    def send(self, down: m.Down) -> None:
        if self._fleet is None:
            raise Unavailable("the session is closed")
        self.told.append(down)
        if isinstance(down, m.Command) and self.alive:
            self._spawn(self._obey(down, self._fleet))

    def close(self, reason: str, last_word: m.Refused | m.Redirect | None = None) -> None:
        self._fleet = None

    # --- the story's verbs ---

    async def connect(self, fleet: Fleet, *, resumed: bool = False) -> None:
        self._fleet = fleet
        facts = m.HostFacts(
            host_id=self.host_id,
            name=self.name,
            hypervisor="KVM",
            boot_id=self.boot_id,
            ip="10.0.0.1",
            cpu_sockets=1,
            cpus=self.facts["cpus"],
            cpu_mhz=self.facts["cpu_mhz"],
            memory_mib=self.facts["memory_mib"],
            url=f"told://{self.name}",
            capabilities=ABILITIES,
            guests=self._reports(()),
        )
        peer = PeerIdentity(role=Role.AGENT, id=self.host_id, serial="1", not_after=datetime(2030, 1, 1, tzinfo=UTC))
        hello = m.Hello(agent_id=self.host_id, version="1", protocol_minor=1, hosts=(facts,), resumed=resumed)
        answer = await fleet.opened(hello, peer, self)
        assert isinstance(answer, m.Welcome), answer

    @property
    def is_in_session(self) -> bool:
        return self._fleet is not None

    async def beat(self) -> None:
        assert self._fleet is not None, f"{self.name} has no session"
        await self._fleet.received(self, m.Heartbeat(host_id=self.host_id, sequence=1, digest=0))

    async def disconnect(self) -> None:
        fleet, self._fleet = self._fleet, None
        if fleet is not None:
            await fleet.closed(self, "cut")

    async def die(self) -> None:
        """With all its guests, and whatever it was doing."""
        self.alive = False
        self.guests.clear()
        for task in self._tasks:
            task.cancel()
        await self.disconnect()

    def twist(self, verb: str, *twists: Twist) -> None:
        """What happens to the next orders of that verb."""
        self.script[verb].extend(twists)

    def runs(self, vm_id: str) -> bool:
        guest = self.guests.get(vm_id)
        return guest is not None and guest.state is m.GuestState.RUNNING

    def verbs(self) -> list[str]:
        return [VERBS[type(order)] for order in self.orders]

    # --- what it does ---

    async def _obey(self, command: m.Command, fleet: Fleet) -> None:
        known = self._results.get(command.command_id)
        if known is None and command.command_id in self._doing:
            return
        if known is None:
            task = asyncio.current_task()
            assert task is not None
            self._doing[command.command_id] = task
            known = await self._carry_out(command)
            del self._doing[command.command_id]
            if known is None:
                return
        await asyncio.sleep(ANSWER_SECONDS)
        if self._fleet is fleet:
            await fleet.received(self, known)

    async def _carry_out(self, command: m.Command) -> Reply:
        self.orders.append(command.order)
        verb = VERBS[type(command.order)]
        self.on_order(verb)
        twist = self.script[verb].popleft() if self.script[verb] else None
        if isinstance(twist, Deaf):
            return None
        if isinstance(twist, Say):
            return self._remember(command, twist.result)
        result = await self._perform(command.order)
        self.world.look()
        if isinstance(twist, DoButSay):
            result = twist.result
        result = self._remember(command, result)
        return None if isinstance(twist, Silence) else result

    def _remember(self, command: m.Command, result: m.CommandResult) -> m.CommandResult:
        answer = m.CommandResult(
            command_id=command.command_id,
            state=result.state,
            code=result.code,
            detail=result.detail,
            answer=result.answer,
            guests=result.guests,
        )
        if not isinstance(command.order, m.QueryGuests | m.CheckPool):
            self._results[command.command_id] = answer
        return answer

    async def _perform(self, order: m.Order) -> m.CommandResult:
        match order:
            case m.StartGuest(spec=spec):
                return await self._start(spec)
            case m.StopGuest():
                return await self._stop(order)
            case m.PrepareIncoming(spec=spec):
                return self._expect(spec)
            case m.MigrateGuest():
                return await self._migrate(order)
            case m.CancelIncoming(vm_id=vm_id, epoch=epoch):
                return self._cancel(vm_id, epoch)
            case m.QueryGuests(vm_ids=vm_ids):
                return m.CommandResult(command_id="", state=m.RunState.DONE, guests=self._reports(vm_ids))
            case m.ForgetGuest(vm_id=vm_id):
                return refused("running") if self.runs(vm_id) else self._forget(vm_id)
            case m.PrepareVolume(disk=disk):
                owner = self.world.volumes.setdefault(disk.path, disk.volume_id)
                self.world.images.setdefault(disk.path, disk.backing_path)
                return done() if owner == disk.volume_id else refused("volume-exists")
            case m.RemoveVolume(disk=disk):
                self.world.volumes.pop(disk.path, None)
                return done()
            case m.CheckPool():
                return self._check(order)
            case _:
                return done()

    async def _start(self, spec: m.GuestSpec) -> m.CommandResult:
        guest = self.guests.get(spec.vm_id)
        if guest is not None and guest.epoch > spec.epoch:
            return refused("stale-epoch")
        if guest is not None and guest.epoch == spec.epoch and guest.state is m.GuestState.RUNNING:
            return done()
        own = [disk for disk in spec.disks if not disk.read_only]
        missing = [disk.path for disk in own if self.world.volumes.get(disk.path) != disk.volume_id]
        if missing:
            return failed("no-disk", ", ".join(missing))
        self.guests[spec.vm_id] = Guest(spec.epoch, m.GuestState.STARTING)
        await asyncio.sleep(GUEST_SECONDS)
        if self.guests[spec.vm_id].epoch == spec.epoch:
            self.guests[spec.vm_id].state = m.GuestState.RUNNING
        return done()

    async def _stop(self, order: m.StopGuest) -> m.CommandResult:
        guest = self.guests.get(order.vm_id)
        if guest is not None and guest.epoch > order.epoch:
            return refused("stale-epoch")
        await asyncio.sleep(GUEST_SECONDS)
        self.guests[order.vm_id] = Guest(order.epoch, m.GuestState.STOPPED)
        return done()

    def _expect(self, spec: m.GuestSpec) -> m.CommandResult:
        self.guests[spec.vm_id] = Guest(spec.epoch, m.GuestState.PAUSED)
        return done()

    async def _migrate(self, order: m.MigrateGuest) -> m.CommandResult:
        target, here = self.world.hosts[order.target_host_id], self.guests[order.vm_id]
        here.state = m.GuestState.MIGRATING
        await asyncio.sleep(GUEST_SECONDS)
        there = target.guests.get(order.vm_id)
        if there is None or there.epoch != order.target_epoch or not target.alive:
            here.state = m.GuestState.RUNNING
            return failed("not-expected")
        self.guests[order.vm_id] = Guest(order.epoch, m.GuestState.STOPPED)
        there.state = m.GuestState.RUNNING
        return done()

    def _cancel(self, vm_id: str, epoch: int) -> m.CommandResult:
        if self.runs(vm_id) and self.guests[vm_id].epoch == epoch:
            return refused("running")
        return self._forget(vm_id)

    def _forget(self, vm_id: str) -> m.CommandResult:
        self.guests.pop(vm_id, None)
        return done()

    def _check(self, order: m.CheckPool) -> m.CommandResult:
        for path in (order.mount.path, order.image_path):
            if path is not None and path.startswith("/absent"):
                return refused("not-mounted" if path == order.mount.path else "no-such-image", path)
        facts = {"mounted": "true", "total_bytes": str(1 << 40), "used_bytes": "0", "leases": "true"}
        if order.image_path is not None:
            suffix = order.image_path.rpartition(".")[2]
            facts |= {"image_format": "raw" if suffix == "iso" else suffix, "image_bytes": str(1 << 30)}
        return done(**facts)

    def _reports(self, vm_ids: tuple[str, ...]) -> tuple[m.GuestReport, ...]:
        return tuple(
            m.GuestReport(vm_id=vm_id, state=guest.state, epoch=guest.epoch)
            for vm_id, guest in self.guests.items()
            if not vm_ids or vm_id in vm_ids
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
