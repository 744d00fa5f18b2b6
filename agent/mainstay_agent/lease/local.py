"""The lease area of one host, in this process: keeper and observers driven against storage, watchdog and process table.

`mainstay-leased` is this with real ports behind a socket; a simulated host is this with simulated ones.

The promise: each pool has its own lane of I/O, so a hung pool stalls neither the watchdog nor another pool; the clock is read just before every
input, so whatever happened while this process stood still is judged first; and a guest is remembered before it is granted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from mainstay_agent.lease.area import (
    AreaEvent,
    Granted,
    LeaseName,
    LedgerEntry,
    Refused,
    SightingsChanged,
    Warned,
)
from mainstay_agent.lease.feed import AreaFeed
from mainstay_agent.lease.keeper import Action, Keeper, KillGuests, Pet, Step, Tell, WriteSlot
from mainstay_agent.lease.observer import Observer, Scan, own_view, verdict_in
from mainstay_agent.lease.ports import GuestKiller, Memory, Remembered, SlotStore, Watchdog
from mainstay_agent.lease.slots import BLANK, PoisonSector, Slot
from mainstay_agent.lease.tenure import Tenure
from mainstay_proto.messages import HoldGrant, LeaseProfile, PoolLease, PoolMount, SlotSighting
from mainstay_runtime import logs
from mainstay_runtime.clock import Clock
from mainstay_runtime.errors import BadInput, Unavailable
from mainstay_runtime.tasks import Nursery, all_of, background

log = logs.logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaPorts:
    slots: SlotStore
    killer: GuestKiller
    watchdog: Watchdog
    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaSettings:
    tick_seconds: float = 0.1  # at most this late at a kill line; a simulation may idle longer where nothing is due
    idle_seconds: float = 0.1
    write_deadline_seconds: float = 5.0  # for storage to acknowledge a poison, or the return of a lease


class LocalLeaseArea:
    """A `LeaseArea`.  It remembers: where the memory holds a keeper, it goes on as that host before anybody configures it."""

    def __init__(self, ports: AreaPorts, clock: Clock, settings: AreaSettings | None = None) -> None:
        self._ports = ports
        self._clock = clock
        self._settings = settings or AreaSettings()
        self._feed = AreaFeed()
        self._keeper: Keeper | None = None
        self._remembered: Remembered | None = None
        self._remembered_of: Keeper | None = None
        self._observers: dict[str, Observer] = {}
        self._numbers: dict[str, frozenset[int]] = {}  # of the slots to be read, ours among them
        self._mounts: tuple[PoolMount, ...] = ()
        self._lease_names: tuple[LeaseName, ...] = ()
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._victims: frozenset[LedgerEntry] = frozenset()
        self._victims_known = asyncio.Event()
        self._lanes_wanted = asyncio.Event()
        self._breakage: Exception | None = None
        self._troubles: set[tuple[str, str]] = set()
        remembered = ports.memory.load()
        if remembered is not None:
            self._begin(remembered.keeper.restarted(), remembered.mounts, remembered.lease_names)

    # --- LeaseArea: orders ----------------------------------------------------------------------------------------------------

    async def configure(
        self,
        host_id: str,
        boot_id: str,
        mounts: tuple[PoolMount, ...],
        lease_names: tuple[LeaseName, ...],
        profile: LeaseProfile,
    ) -> None:
        keeper = self._keeper or Keeper(host_id=host_id, boot_id=boot_id, profile=profile)
        if (keeper.host_id, keeper.boot_id) != (host_id, boot_id):
            raise BadInput(f"this area keeps the lease of host {keeper.host_id}, boot {keeper.boot_id}")
        self._begin(keeper.configured(mounts, profile), mounts, lease_names)

    async def authorise(
        self,
        vm_id: str,
        epoch: int,
        pools: frozenset[str],
        *,
        standing: bool = False,
        generations: tuple[tuple[str, int], ...] = (),
    ) -> Granted | Refused:
        if self._keeper is None:
            return Refused(code="not-configured", detail="no pools, slots and profile were given yet")
        keeper, actions, answer = self._keeper.authorise(
            vm_id, epoch, pools, self._clock.monotonic(), standing=standing, generations=generations
        )
        return self._answered(keeper, actions, answer)

    async def stand_on(
        self, vm_id: str, epoch: int, pools: frozenset[str], *, generations: tuple[tuple[str, int], ...] = ()
    ) -> Granted | Refused:
        now = self._clock.monotonic()
        return self._answered(*self._known.stand_on(vm_id, epoch, pools, now, generations=generations))

    def _answered(self, keeper: Keeper, actions: tuple[Action, ...], answer: Granted | Refused) -> Granted | Refused:
        """What is granted is remembered first."""
        if isinstance(answer, Granted):
            try:
                self._remember(keeper)
            except OSError as error:
                raise Unavailable(f"cannot remember {answer.vm_id}, so it may not start") from error
        self._take((keeper, actions))
        return answer

    async def confirm_running(self, vm_id: str, epoch: int) -> None:
        self._take(self._known.confirm_running(vm_id, epoch, self._clock.monotonic()))

    async def confirm_gone(self, vm_id: str, epoch: int) -> None:
        self._take(self._known.confirm_gone(vm_id, epoch, self._clock.monotonic()))

    async def revoke(self, vm_id: str, epoch: int) -> None:
        self._take(self._known.revoke(vm_id, epoch, self._clock.monotonic()))

    async def grant_hold(self, grant: HoldGrant) -> None:
        self._take(self._known.hold_granted(grant, self._clock.monotonic()))

    async def poison(self, host_id: str, incident_id: str, pool_ids: tuple[str, ...]) -> tuple[str, ...]:
        written = await all_of(*(self._poison(pool_id, host_id, incident_id) for pool_id in pool_ids))
        return tuple(pool_id for pool_id, done in zip(pool_ids, written, strict=True) if done)

    # --- LeaseArea: questions -------------------------------------------------------------------------------------------------

    async def ledger(self) -> tuple[LedgerEntry, ...]:
        return self._keeper.ledger.entries if self._keeper is not None else ()

    async def leases(self) -> tuple[PoolLease, ...]:
        return self._keeper.leases(self._clock.monotonic()) if self._keeper is not None else ()

    async def sightings(self, host_id: str | None = None) -> tuple[SlotSighting, ...]:
        now = self._clock.monotonic()
        return tuple(told for observer in self._observers.values() for told in observer.told(now, host_id))

    async def standing_authority(self, vm_id: str) -> bool:
        return self._keeper is not None and self._keeper.standing_authority(vm_id, self._clock.monotonic())

    async def highest_epoch(self, vm_id: str) -> int | None:
        order = self._keeper.ledger.order(vm_id) if self._keeper is not None else None
        return order.epoch if order is not None else None

    async def watchdog(self) -> str:
        return "none" if ("watchdog-lost", "") in self._troubles else self._ports.watchdog.kind

    def events(self) -> AsyncIterator[AreaEvent]:
        return self._feed.listen()

    # --- its own work -----------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        async with Nursery(self._lane_broke) as lanes, background(self._tick_for_ever, self._kill_for_ever):
            while self._breakage is None:
                self._lanes_wanted.clear()
                self._open_lanes(lanes)
                await self._lanes_wanted.wait()
            raise self._breakage

    def _lane_broke(self, _pool_id: str, error: Exception) -> None:
        """Only a bug does that; without a lane the lease would lapse unseen, so all ends loudly and begins anew."""
        self._breakage = error
        self._lanes_wanted.set()

    async def resign(self) -> None:
        """After `run` ended: give back what no guest stands on, and take the watchdog off if none stands on anything."""
        if self._keeper is None:
            return
        writes = self._take(self._keeper.resign(self._clock.monotonic()))
        try:
            async with asyncio.timeout(self._settings.write_deadline_seconds):
                await all_of(*(self._ports.slots.write_owner(each.pool_id, each.slot, each.sector) for each in writes))
        except (OSError, TimeoutError) as error:
            log.warning("a lease expires instead of being given back", error=str(error))
        if not self._keeper.ledger.entries:
            self._ports.watchdog.disarm()

    async def _tick_for_ever(self) -> None:
        while True:
            delay = self._settings.tick_seconds
            if self._keeper is not None:
                now = self._clock.monotonic()
                self._take(self._keeper.tick(now))
                delay = max(delay, min(self._keeper.wake_at() - now, self._settings.idle_seconds))
            await self._clock.sleep(delay)

    async def _kill_for_ever(self) -> None:
        """A deed that hangs hangs only itself: the watchdog is not petted for its sake."""
        while True:
            await self._victims_known.wait()
            self._victims_known.clear()
            victims = tuple(sorted(self._victims, key=lambda entry: entry.vm_id))
            self._victims = frozenset()
            gone = await self._ports.killer.kill(victims)
            self._take(self._known.guests_observed_gone(gone, self._clock.monotonic()))
            await self._clock.sleep(self._settings.tick_seconds)

    def _open_lanes(self, nursery: Nursery) -> None:
        wanted = {tenure.pool_id for tenure in self._keeper.tenures} if self._keeper is not None else set()
        for pool_id in set(self._lanes) - wanted:
            self._lanes.pop(pool_id).cancel()
        for pool_id in sorted(wanted - set(self._lanes)):
            self._lanes[pool_id] = nursery.adopt(self._lane(pool_id), pool_id)

    async def _lane(self, pool_id: str) -> None:
        """Look, then renew, one after the other: what is read back can be told from what is on its way, and a slot is read before it is claimed.

        No deadline: what storage has not answered may still land, and until then nothing else may be written."""
        while True:
            begun_at = self._clock.monotonic()
            await self._look(pool_id)
            await self._renew(pool_id)
            await self._until_next_look(pool_id, begun_at)

    async def _until_next_look(self, pool_id: str, begun_at: float) -> None:
        """A poll later, or when a verdict is due if that is sooner."""
        now = self._clock.monotonic()
        next_look = begun_at + self._known.profile.poll_seconds
        observer = self._observers.get(pool_id)
        due = observer.verdict_due_between(now, next_look) if observer is not None else None
        await self._clock.sleep(max(0.0, (next_look if due is None else due) - now))

    async def _renew(self, pool_id: str) -> None:
        for write in self._take(self._known.begin_renewal(pool_id, self._clock.monotonic())):
            sequence = write.sector.sequence
            try:
                await self._ports.slots.write_owner(pool_id, write.slot, write.sector)
            except OSError as error:
                self._take(self._known.renewal_failed(pool_id, sequence, self._clock.monotonic()))
                self.warn("pool-io", f"cannot renew: {error}", pool_id)
            else:
                self._take(self._known.renewal_acknowledged(pool_id, sequence, self._clock.monotonic()))

    async def _look(self, pool_id: str) -> None:
        tenure, observer = self._known.tenure(pool_id), self._observers.get(pool_id)
        if tenure is None or observer is None:
            return
        begun_at = self._clock.monotonic()
        try:
            slots = await self._ports.slots.read(pool_id, self._numbers[pool_id])
        except OSError as error:
            self._conclude(observer.blinded())
            self.warn("pool-io", f"cannot read slots: {error}", pool_id)
            return
        ended_at = self._clock.monotonic()
        self._take(self._known.own_slot_read(pool_id, slots.get(tenure.slot, BLANK), ended_at))
        self._conclude(observer.scanned(self._scan(tenure, slots, begun_at, ended_at)))
        self._troubles.discard(("pool-io", pool_id))

    def _scan(self, tenure: Tenure, slots: Mapping[int, Slot], begun_at: float, ended_at: float) -> Scan:
        now_held = self._known.tenure(tenure.pool_id) or tenure
        return Scan(begun_at=begun_at, ended_at=ended_at, slots=slots, own=own_view(tenure, now_held.sequence))

    def _conclude(self, observer: Observer) -> None:
        known = self._observers[observer.pool_id].verdicts
        self._observers[observer.pool_id] = observer
        if observer.verdicts <= known:
            return
        changed = tuple(sighting for sighting in observer.sightings if verdict_in(sighting) not in known)
        if changed:
            self._tell(SightingsChanged(sightings=changed))

    async def _poison(self, pool_id: str, host_id: str, incident_id: str) -> bool:
        observer = self._observers.get(pool_id)
        numbers = [number for number, owner in observer.names if owner == host_id] if observer is not None else []
        if not numbers:
            return False
        try:
            async with asyncio.timeout(self._settings.write_deadline_seconds):
                return await self._poison_slot(pool_id, numbers[0], host_id, incident_id)
        except (OSError, TimeoutError) as error:
            log.warning("poison was not acknowledged", pool=pool_id, victim=host_id, error=str(error))
            return False

    async def _poison_slot(self, pool_id: str, number: int, host_id: str, incident_id: str) -> bool:
        owner = (await self._ports.slots.read(pool_id, frozenset((number,)))).get(number, BLANK).owner
        if owner is None or owner.host_id != host_id:
            return False
        sector = PoisonSector(host_id=host_id, incident_id=incident_id, generation=owner.generation)
        await self._ports.slots.write_poison(pool_id, number, sector)
        return True

    # --- how a step is taken ------------------------------------------------------------------------------------------------

    @property
    def _known(self) -> Keeper:
        if self._keeper is None:
            raise BadInput("the lease area is not configured yet")
        return self._keeper

    def _begin(self, keeper: Keeper, mounts: tuple[PoolMount, ...], lease_names: tuple[LeaseName, ...]) -> None:
        self._mounts, self._lease_names = mounts, lease_names
        self._ports.slots.use(mounts)
        self._observers = {
            tenure.pool_id: self._observer_of(tenure.pool_id, keeper, lease_names) for tenure in keeper.tenures
        }
        self._numbers = {
            tenure.pool_id: frozenset((tenure.slot, *dict(self._observers[tenure.pool_id].names)))
            for tenure in keeper.tenures
        }
        self._take((keeper, ()))
        self._lanes_wanted.set()
        if self._ports.watchdog.kind == "none":
            self.warn("watchdog-absent", "nothing resets this host: its lapsed leases prove nothing")

    def _observer_of(self, pool_id: str, keeper: Keeper, lease_names: tuple[LeaseName, ...]) -> Observer:
        names = tuple((slot, host) for pool, slot, host in lease_names if pool == pool_id and host != keeper.host_id)
        known = self._observers.get(pool_id)
        if known is None:
            return Observer(pool_id=pool_id, boot_id=keeper.boot_id, profile=keeper.profile, names=names)
        return replace(known, profile=keeper.profile, names=names)

    def _take(self, step: Step) -> tuple[WriteSlot, ...]:
        """The next keeper is in force before its actions are performed; writes are left to the lane of their pool."""
        self._keeper, actions = step
        try:
            self._remember(self._keeper)
        except OSError as error:
            self.warn("memory", f"a restart of this process would know less than it should: {error}")
        if not actions:
            return ()
        for action in actions:
            match action:
                case Pet():
                    self._pet(action)
                case KillGuests():
                    self._victims |= frozenset(action.entries)
                    self._victims_known.set()
                case Tell():
                    self._tell(action.event)
                case WriteSlot():
                    continue
        return tuple(action for action in actions if isinstance(action, WriteSlot))

    def _remember(self, keeper: Keeper) -> None:
        """Where only a pet or a word told is new, there is nothing to remember."""
        last = self._remembered_of
        if last is not None and last.tenures is keeper.tenures and last.ledger is keeper.ledger:
            return
        remembered = Remembered(keeper=keeper.restarted(), mounts=self._mounts, lease_names=self._lease_names)
        if remembered != self._remembered:
            self._ports.memory.save(remembered)
            self._remembered = remembered
        self._remembered_of = keeper

    def _pet(self, pet: Pet) -> None:
        try:
            self._ports.watchdog.pet(pet.timeout_seconds)
        except OSError as error:
            self.warn("watchdog-lost", str(error))
        else:
            self._troubles.discard(("watchdog-lost", ""))

    def warn(self, code: str, detail: str, pool_id: str = "") -> None:
        """Once, until it is over."""
        if (code, pool_id) not in self._troubles:
            self._troubles.add((code, pool_id))
            self._tell(Warned(code=code, detail=detail, pool_id=pool_id))

    def _tell(self, event: AreaEvent) -> None:
        log.info("lease area tells", told=str(event))
        self._feed.tell(event)
