"""Commands: each is carried out once, and answered as often as it is sent.

The promise: a command id that was answered is answered again with the same words, also by the agent's next process; one whose
outcome could not be learnt is answered UNKNOWN, and what it began is attended to until the hypervisor has spoken."""

from __future__ import annotations

from typing import assert_never

from mainstay_agent.driver import DONE, Outcome, refused, unknown
from mainstay_agent.duties import device_orders, guest_orders, migrating, observing, screens
from mainstay_agent.duties.answers import NOT_SUPPORTED, Answer, Deadline
from mainstay_agent.duties.charge import AREA_SILENT, Charge
from mainstay_proto.messages import (
    AbortMigration,
    AttachDisk,
    CancelIncoming,
    ChangeMedium,
    CheckPool,
    Command,
    DetachDisk,
    ForgetGuest,
    GrantHold,
    GrowDisk,
    GrowVolume,
    MigrateGuest,
    PoisonHost,
    PrepareIncoming,
    PrepareVolume,
    ProbeHost,
    QueryGuests,
    RebootGuest,
    RemoveVolume,
    ShowScreen,
    StartGuest,
    StopGuest,
    UnknownMessage,
    WatchHost,
)
from mainstay_runtime.logs import logger

log = logger(__name__)

StorageOrder = PrepareVolume | RemoveVolume | GrowVolume | CheckPool
ASKED_ANEW = (QueryGuests, ProbeHost, CheckPool, WatchHost, ShowScreen)  # an old answer would be wrong


class Commands:
    """The commands of one host."""

    def __init__(self, charge: Charge) -> None:
        self._charge = charge
        self._in_progress: set[str] = set()

    def receive(self, command: Command) -> None:
        """Begins the work and returns."""
        remembered = self._charge.book.result(command.command_id)
        if remembered is not None:
            self._charge.uplink.send(remembered)
        elif command.command_id not in self._in_progress:
            self._in_progress.add(command.command_id)
            deadline = Deadline(self._charge.clock, command.deadline_seconds)
            self._charge.tasks.adopt(self._carry_out(command, deadline), f"command {command.command_id}")

    async def _carry_out(self, command: Command, deadline: Deadline) -> None:
        try:
            result = (await self._answer(command, deadline)).result(command.command_id)
            if not isinstance(command.order, ASKED_ANEW):
                self._charge.book.remember(result)
        finally:
            self._in_progress.discard(command.command_id)
        self._charge.uplink.send(result)

    async def _answer(self, command: Command, deadline: Deadline) -> Answer:
        try:
            answer = await self._perform(command, deadline)
        except guest_orders.NotOurTurn:
            answer = refused("busy", "another order about this guest is still being carried out")
        except AREA_SILENT as error:
            answer = unknown("lease-area-silent", str(error))
        except Exception as error:
            log.exception("command broke", host=self._charge.host_id, order=type(command.order).__name__)
            answer = unknown("broke", repr(error))
        return answer if isinstance(answer, Answer) else Answer(outcome=answer)

    async def _perform(self, command: Command, deadline: Deadline) -> Answer | Outcome:
        charge, order = self._charge, command.order
        match order:
            case StartGuest():
                return await guest_orders.start_guest(charge, order, deadline)
            case StopGuest():
                return await guest_orders.stop_guest(charge, order, deadline)
            case RebootGuest():
                return await guest_orders.reboot_guest(charge, order, deadline)
            case ChangeMedium():
                return await device_orders.change_medium(charge, order, deadline)
            case AttachDisk():
                return await device_orders.attach_disk(charge, order, deadline)
            case DetachDisk():
                return await device_orders.detach_disk(charge, order, deadline)
            case GrowDisk():
                return await device_orders.grow_disk(charge, order, deadline)
            case ForgetGuest():
                return await guest_orders.forget_guest(charge, order, deadline)
            case QueryGuests():
                return await guest_orders.query_guests(charge, order)
            case PrepareIncoming():
                return await migrating.prepare_incoming(charge, order, deadline)
            case CancelIncoming():
                return await migrating.cancel_incoming(charge, order, deadline)
            case MigrateGuest():
                return await migrating.migrate_guest(charge, order, command.command_id, deadline)
            case AbortMigration():
                return await migrating.abort_migration(charge, order, deadline)
            case ProbeHost():
                return await observing.probe_host(charge, order, deadline)
            case WatchHost():
                return observing.watch_host(charge, order)
            case PoisonHost():
                return await observing.poison_host(charge, order)
            case GrantHold(grant=grant):
                await charge.area.grant_hold(grant)
                return DONE
            case PrepareVolume() | RemoveVolume() | GrowVolume() | CheckPool():
                return await self._about_storage(order, deadline)
            case ShowScreen():
                return await screens.show_screen(charge, order, deadline)
            case UnknownMessage(kind=kind):
                return refused("unknown-order", kind)
            case never:
                assert_never(never)

    async def _about_storage(self, order: StorageOrder, deadline: Deadline) -> Outcome:
        host_id, volumes = self._charge.host_id, self._charge.hypervisor.volumes
        if volumes is None:
            return NOT_SUPPORTED
        match order:
            case PrepareVolume(disk=disk):
                return await volumes.prepare_volume(host_id, disk, deadline.remaining_seconds())
            case RemoveVolume(disk=disk):
                return await volumes.remove_volume(host_id, disk, deadline.remaining_seconds())
            case GrowVolume(disk=disk):
                return await volumes.grow_volume(host_id, disk, deadline.remaining_seconds())
            case CheckPool(mount=mount, image_path=image_path):
                return await volumes.check_pool(host_id, mount, image_path, deadline.remaining_seconds())
            case never:
                assert_never(never)
