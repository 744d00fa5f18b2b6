"""Let a user look at a guest's screen: a ticket that opens it once and soon, and a line to the host while it is looked at.

The promise: the ticket is a random word, told to who asked and known here by its hash, so that any controller honours it and the database opens nothing;
it is used once, by compare-and-set.  A screen is shown no longer than its user may act and the guest runs where it ran.
Limit: a guest that has moved is looked at anew with another ticket."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import NoReturn

from mainstay_controller.domain.ids import HostId, UserId
from mainstay_controller.domain.records import ConsoleTicket, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.fleet.outcome import Done
from mainstay_controller.fleet.screens import Line
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import PermissionDenied, ResourceUnavailable
from mainstay_controller.operations.journal import about_vm
from mainstay_controller.operations.users_in_force import is_in_force
from mainstay_controller.store.port import OutcomeUnknown, Stale, Unreachable, at_most
from mainstay_runtime.logs import logger

TICKET_SECONDS = 120.0
WORD_BYTES = 32
HOST_SECONDS = 10.0  # for the host to dial us
LINE_SECONDS = 5.0  # its word that it did may come before its line
LOOK_SECONDS = 3.0
SHOWN_IN = frozenset({VmState.STARTING, VmState.RUNNING, VmState.STOPPING, VmState.MIGRATING})
LATER = "Console access will be ready in a few minutes. Please try it again later."
NOT_ADMITTED = "This console was opened already, its time is over, or there is none"

log = logger(__name__)


class Over(Exception):
    """A screen is to be shown no longer, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """`line` speaks RFB."""

    ticket: ConsoleTicket
    vm: Vm
    line: Line

    async def watch(self, cloud: Cloud) -> NoReturn:
        """Raises Over as soon as it must be shown no longer."""
        while True:
            await cloud.clock.sleep(LOOK_SECONDS)
            try:
                await self._look(cloud)
            except (OutcomeUnknown, Unreachable) as error:
                log.info("the database is away while a console is open", vm=self.vm.id, error=str(error))

    async def _look(self, cloud: Cloud) -> None:
        vm = await cloud.store.vms.get(self.vm.id)
        if vm is None or vm.state not in SHOWN_IN:
            raise Over("the guest runs no longer")
        if (vm.host_id, vm.epoch) != (self.vm.host_id, self.vm.epoch):
            raise Over("the guest runs elsewhere now")
        if not await is_in_force(self.ticket.user_id, cloud.store):
            raise Over("the user may not look any more")


def why_not(vm: Vm, cloud: Cloud) -> str | None:
    """None: its screen can be looked at now."""
    if vm.state not in SHOWN_IN:
        return f"VM {vm.id} must be running to connect console"
    if vm.host_id is None:
        return f"VM {vm.id} lost host info"
    return None if cloud.fleet.is_connected(vm.host_id) else LATER


async def offer(vm: Vm, user_id: UserId, extra: str, cloud: Cloud) -> str:
    """The secret word; `extra` must be shown with it."""
    word, now = fresh_word(cloud), await cloud.store.now()
    ticket = ConsoleTicket(
        id=_hash(word),
        vm_id=vm.id,
        user_id=user_id,
        created=now,
        expires=now + timedelta(seconds=TICKET_SECONDS),
        extra_sha256=_hash(extra) if extra else "",
    )
    await cloud.store.console_tickets.add(ticket)
    return word


async def admit(word: str, extra: str, cloud: Cloud) -> ConsoleTicket:
    """Uses the ticket up.  Raises PermissionDenied, or ResourceUnavailable without using it up."""
    if len(cloud.fleet.screens) >= cloud.settings.console_sessions_max:
        raise ResourceUnavailable("This controller shows as many consoles as it may; try again later")
    ticket, now = await cloud.store.console_tickets.get(_hash(word)), await cloud.store.now()
    if ticket is None or ticket.used is not None or ticket.expires <= now:
        raise PermissionDenied(NOT_ADMITTED)
    if ticket.extra_sha256 != (_hash(extra) if extra else "") or not await is_in_force(ticket.user_id, cloud.store):
        raise PermissionDenied(NOT_ADMITTED)
    try:
        return await cloud.store.console_tickets.swap(ticket, replace(ticket, used=now))
    except Stale as error:
        raise PermissionDenied(NOT_ADMITTED) from error


@asynccontextmanager
async def shown(ticket: ConsoleTicket, cloud: Cloud) -> AsyncIterator[Shown]:
    """While the block runs.  Raises ResourceUnavailable."""
    vm = await cloud.store.vms.by_id(ticket.vm_id)
    reason = why_not(vm, cloud)
    if reason is not None or vm.host_id is None:
        raise ResourceUnavailable(reason or LATER)
    word = fresh_word(cloud)
    with cloud.fleet.screens.awaited(word) as coming:
        await _ask_host(vm.host_id, vm, word, cloud)
        screen = Shown(ticket=ticket, vm=vm, line=await _come(coming))
        await _note("VM.CONSOLE.CONNECT", f"the console of VM {vm.name} is looked at", screen, cloud)
        try:
            yield screen
        finally:
            await _note("VM.CONSOLE.DISCONNECT", f"the console of VM {vm.name} is left", screen, cloud)


async def sweep_tickets(cloud: Cloud) -> None:
    for ticket in await cloud.store.console_tickets.find(at_most("expires", await cloud.store.now())):
        await cloud.store.console_tickets.remove(ticket.id)


def fresh_word(cloud: Cloud) -> str:
    return urlsafe_b64encode(cloud.rng.token(WORD_BYTES)).decode().rstrip("=")


async def _ask_host(host_id: HostId, vm: Vm, word: str, cloud: Cloud) -> None:
    here = await cloud.store.controllers.by_id(cloud.me.id)
    order_id = f"screen:{cloud.rng.uuid()}"
    outcome = await cloud.fleet.show_screen(
        host_id, vm, word, here.address, command_id=order_id, deadline_seconds=HOST_SECONDS
    )
    if not isinstance(outcome, Done):
        raise ResourceUnavailable(f"The host of VM {vm.name} does not show its screen: {outcome.code} {outcome.detail}")


async def _come(coming: asyncio.Future[Line]) -> Line:
    try:
        async with asyncio.timeout(LINE_SECONDS):
            return await coming
    except TimeoutError as error:
        raise ResourceUnavailable("The host dialled, and its line did not come here") from error


async def _note(type: str, told: str, screen: Shown, cloud: Cloud) -> None:
    """Without a word of it a console is still shown."""
    try:
        await cloud.journal.event(cloud.store, type, told, about_vm(screen.vm, user_id=screen.ticket.user_id))
    except (OutcomeUnknown, Unreachable) as error:
        log.warning("a console is not on record", vm=screen.vm.id, what=type, error=str(error))


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
