"""An order whose effect is unknown is asked about until somebody knows: the host, or whoever proved that the host is gone.

The promise: `Refused` and `Failed` come back only when the order is certainly not in effect - neither this one nor an earlier one of the
same meaning that may have been sent before a crash.  The limit: every order given here must be one that may be repeated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mainstay_controller.domain.ha.proof import Victim
from mainstay_controller.domain.ids import HostId
from mainstay_controller.fleet.outcome import Done, Failed, Outcome, Refused, Unknown
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.orders.proof_on_file import proof_on_file

NO_WORD_ABOUT_EARLIER = frozenset({"not-connected", "busy", "hypervisor-silent"})
"""Refusals that say only that this call was not listened to."""


async def until_known(
    order: Callable[[int], Awaitable[Outcome]],
    *,
    may_have_been_sent: bool,
    host_is_gone: Callable[[], Awaitable[bool]],
    cloud: Cloud,
) -> Done | Refused | Failed:
    """`order` takes the number of the attempt, to be part of its id: a host repeats what it once answered to an id, also `unknown`.
    `host_is_gone` may raise to end the asking."""
    attempt = 0
    while True:
        match await order(attempt):
            case Done() | Failed() as told:
                return told
            case Refused() as refused if not (may_have_been_sent and refused.code in NO_WORD_ABOUT_EARLIER):
                return refused
            case Unknown():
                may_have_been_sent = True
        if await host_is_gone():
            return Failed(code="host-dead", detail="the host is proven dead")
        await cloud.clock.sleep(cloud.settings.ask_again_seconds)
        attempt += 1


async def boot_is_over(host_id: HostId, boot_id: str | None, cloud: Cloud, what: Victim) -> bool:
    """Is it proven that that boot does it no more, and that its pools hold nothing back of it?"""
    return await proof_on_file(host_id, boot_id, what, cloud) is not None
