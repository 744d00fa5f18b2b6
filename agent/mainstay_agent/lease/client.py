"""The lease area of this host, kept by the daemon `mainstay-leased` and asked over its unix socket.

The promise: every question ends within its deadline.  DeadlineExceeded leaves open whether it was heard, so what was asked to be authorised counts as running
until it is confirmed gone.  Lost connections are made again for ever; the listener is told by AreaLost and AreaBack."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import cast

from mainstay_agent.lease import wire
from mainstay_agent.lease.area import (
    AreaBack,
    AreaEvent,
    AreaLost,
    Granted,
    LeaseName,
    LedgerEntry,
    Refused,
)
from mainstay_agent.lease.feed import AreaFeed
from mainstay_proto.messages import HoldGrant, LeaseProfile, PoolLease, PoolMount, SlotSighting
from mainstay_runtime.clock import Clock
from mainstay_runtime.errors import BadInput, DeadlineExceeded, Unavailable

ANSWER_DEADLINE_SECONDS = 2.0
POISON_DEADLINE_SECONDS = 8.0  # the daemon itself waits some seconds for storage
RECONNECT_SECONDS = 0.2
CONNECT_DEADLINE_SECONDS = 2.0


class SocketLeaseArea:
    """A `LeaseArea`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._feed = AreaFeed()
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[wire.Reply]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()

    # --- the connection -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self._converse()
                except (OSError, EOFError, ValueError, Unavailable, BadInput) as error:
                    self._hang_up(str(error))
                await self._clock.sleep(RECONNECT_SECONDS)
        finally:
            self._hang_up("this end stopped")

    async def _converse(self) -> None:
        async with asyncio.timeout(CONNECT_DEADLINE_SECONDS):
            reader, writer = await asyncio.open_unix_connection(self._path, limit=wire.LINE_BYTES_MAX)
            wire.check_greeting(await reader.readline())
        self._writer = writer
        self._connected.set()
        self._feed.tell(AreaBack())
        while untrusted := await reader.readline():
            self._hear(wire.read_reply(untrusted))
        raise EOFError("the lease daemon hung up")

    def _hear(self, reply: wire.Reply) -> None:
        if reply.id is None:
            event = wire.event_of(reply)
            if event is not None:
                self._feed.tell(event)
            return
        waiting = self._waiting.pop(reply.id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    def _hang_up(self, why: str) -> None:
        if self._connected.is_set():
            self._feed.tell(AreaLost(detail=why))
        self._connected.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Unavailable(f"the lease daemon is gone: {why}"))
        self._waiting.clear()

    async def _ask(self, name: str, seconds: float = ANSWER_DEADLINE_SECONDS, /, **arguments: object) -> object:
        verb = wire.VERBS[name]
        request_id = next(self._ids)
        try:
            async with asyncio.timeout(seconds):
                await self._connected.wait()
                return wire.answer_of(
                    await self._sent(request_id, wire.request_line(request_id, verb, arguments)), verb
                )
        except TimeoutError as error:
            if not self._connected.is_set():
                raise Unavailable("no lease daemon") from error
            raise DeadlineExceeded(f"the lease daemon did not answer {name} within {seconds} s") from error
        finally:
            self._waiting.pop(request_id, None)

    async def _sent(self, request_id: int, message: bytes) -> wire.Reply:
        if self._writer is None:
            raise Unavailable("no lease daemon")
        waiting: asyncio.Future[wire.Reply] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = waiting
        with suppress(ConnectionError):  # the reader will notice, and end the waiting
            self._writer.write(message)
            await self._writer.drain()
        return await waiting

    # --- LeaseArea ----------------------------------------------------------------------------------------------------------------

    async def configure(
        self,
        host_id: str,
        boot_id: str,
        mounts: tuple[PoolMount, ...],
        lease_names: tuple[LeaseName, ...],
        profile: LeaseProfile,
    ) -> None:
        await self._ask(
            "configure", host_id=host_id, boot_id=boot_id, mounts=mounts, lease_names=lease_names, profile=profile
        )

    async def authorise(
        self,
        vm_id: str,
        epoch: int,
        pools: frozenset[str],
        *,
        standing: bool = False,
        generations: tuple[tuple[str, int], ...] = (),
    ) -> Granted | Refused:
        answer = await self._ask(
            "authorise", vm_id=vm_id, epoch=epoch, pools=pools, standing=standing, generations=generations
        )
        return cast(Granted | Refused, answer)

    async def stand_on(
        self, vm_id: str, epoch: int, pools: frozenset[str], *, generations: tuple[tuple[str, int], ...] = ()
    ) -> Granted | Refused:
        answer = await self._ask("stand_on", vm_id=vm_id, epoch=epoch, pools=pools, generations=generations)
        return cast(Granted | Refused, answer)

    async def confirm_running(self, vm_id: str, epoch: int) -> None:
        await self._ask("confirm_running", vm_id=vm_id, epoch=epoch)

    async def confirm_gone(self, vm_id: str, epoch: int) -> None:
        await self._ask("confirm_gone", vm_id=vm_id, epoch=epoch)

    async def revoke(self, vm_id: str, epoch: int) -> None:
        await self._ask("revoke", vm_id=vm_id, epoch=epoch)

    async def ledger(self) -> tuple[LedgerEntry, ...]:
        return cast(tuple[LedgerEntry, ...], await self._ask("ledger"))

    async def leases(self) -> tuple[PoolLease, ...]:
        return cast(tuple[PoolLease, ...], await self._ask("leases"))

    async def sightings(self, host_id: str | None = None) -> tuple[SlotSighting, ...]:
        return cast(tuple[SlotSighting, ...], await self._ask("sightings", host_id=host_id))

    async def poison(self, host_id: str, incident_id: str, pool_ids: tuple[str, ...]) -> tuple[str, ...]:
        answer = await self._ask(
            "poison", POISON_DEADLINE_SECONDS, host_id=host_id, incident_id=incident_id, pool_ids=pool_ids
        )
        return cast(tuple[str, ...], answer)

    async def grant_hold(self, grant: HoldGrant) -> None:
        await self._ask("grant_hold", grant=grant)

    async def standing_authority(self, vm_id: str) -> bool:
        return cast(bool, await self._ask("standing_authority", vm_id=vm_id))

    async def highest_epoch(self, vm_id: str) -> int | None:
        return cast(int | None, await self._ask("highest_epoch", vm_id=vm_id))

    async def watchdog(self) -> str:
        return cast(str, await self._ask("watchdog"))

    def events(self) -> AsyncIterator[AreaEvent]:
        return self._feed.listen()
