"""What the conformance suite needs of a hypervisor under test, beside its driver: ways to hurt it.

A stand names its abilities; a story marked with an ability runs on the stands that have it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Protocol

from mainstay_agent.driver import Driver, DriverEvent, GuestChanged
from mainstay_proto.messages import GuestReport, GuestSpec, GuestState, StopCause

HOSTS = ("host-1", "host-2")
SOON_SECONDS = 20.0  # for a real hypervisor on a busy machine
POLL_SECONDS = 0.02


class Stand(Protocol):
    @property
    def driver(self) -> Driver: ...

    @property
    def host_id(self) -> str: ...

    @property
    def url(self) -> str:
        """[migrate] Where other hosts send guests to."""

    @property
    def pool_path(self) -> str:
        """[volumes]"""

    def spec(self, **changes: Any) -> GuestSpec:
        """Of a guest that starts here and obeys its power button."""

    async def booted(self, vm_id: str) -> None:
        """Wait until the guest obeys."""

    async def crash(self, vm_id: str) -> None:
        """[crash]"""

    async def power_off_from_inside(self, vm_id: str) -> None:
        """[inside]"""

    async def medium_of(self, vm_id: str) -> str | None:
        """[media] The path of what lies in the drive of a guest that runs."""

    async def destroy_by_outsider(self, vm_id: str) -> None:
        """[outsider]"""

    async def pause_by_outsider(self, vm_id: str) -> None: ...

    async def stop_agent(self) -> None:
        """[agent-restart] The driver's process ends; `start_agent` gives `driver` a successor."""

    async def start_agent(self) -> None: ...

    async def hang_hypervisor(self) -> None:
        """[hang]"""

    async def wake_hypervisor(self) -> None: ...

    async def kill_hypervisor(self) -> None:
        """[daemon-restart] Its daemon; the guests live on."""

    async def restart_hypervisor(self) -> None: ...


async def started(stand: Stand, **changes: Any) -> GuestSpec:
    spec = stand.spec(**changes)
    outcome = await stand.driver.start(stand.host_id, spec, SOON_SECONDS)
    assert outcome.done, outcome
    return spec


async def report_of(stand: Stand, vm_id: str) -> GuestReport | None:
    guests = await stand.driver.guests(stand.host_id, SOON_SECONDS)
    assert guests is not None
    return next((guest for guest in guests if guest.vm_id == vm_id), None)


async def state_of(stand: Stand, vm_id: str) -> GuestState | None:
    report = await report_of(stand, vm_id)
    return None if report is None else report.state


async def is_in(stand: Stand, vm_id: str, state: GuestState) -> bool:
    """For `eventually`: a look that an event of the past overtakes is older than the guest's state."""
    return await state_of(stand, vm_id) is state


async def cause_of(stand: Stand, vm_id: str) -> StopCause | None:
    """Once it is stopped."""
    await eventually(lambda: is_in(stand, vm_id, GuestState.STOPPED))
    report = await report_of(stand, vm_id)
    assert report is not None
    return report.cause


async def eventually(claim: Callable[[], Awaitable[bool]], within_seconds: float = SOON_SECONDS) -> None:
    async with asyncio.timeout(within_seconds):
        while not await claim():  # noqa: ASYNC110 - it becomes true in another process
            await asyncio.sleep(POLL_SECONDS)


async def heard(
    stand: Stand, wanted: Callable[[DriverEvent], bool], within_seconds: float = SOON_SECONDS
) -> DriverEvent:
    """The first such event from now on, or of those not yet taken."""
    async with asyncio.timeout(within_seconds):
        async for event in stand.driver.events():
            if wanted(event):
                return event
    raise AssertionError("the driver's events ended")


def is_stop_of(vm_id: str) -> Callable[[DriverEvent], bool]:
    def is_stop(event: DriverEvent) -> bool:
        return isinstance(event, GuestChanged) and event.vm_id == vm_id and event.state is GuestState.STOPPED

    return is_stop


def successor(spec: GuestSpec) -> GuestSpec:
    """The same guest under its next epoch."""
    return replace(spec, epoch=spec.epoch + 1)
