"""Say that we live, hear who else does, take over from those who do not, and give away what is more than our share.

Whether we may act is judged by our own clock alone (`mind_our_tenure`), so that a database or a network that is away cannot keep it from us."""

from __future__ import annotations

from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.hosts.adopt_hosts import adopt_hosts
from mainstay_controller.operations.membership import Balance, bury_the_dead, living, miss_no_more, renew
from mainstay_controller.store.port import OutcomeUnknown, Stale, Unreachable
from mainstay_runtime.logs import logger

RENEWALS_PER_LEASE = 3
LOOK_SECONDS = 0.25
"""Less than the part of a lease in which we no longer act and nobody else does yet."""

log = logger(__name__)


async def keep_membership(cloud: Cloud) -> None:
    """For ever.  Raises Superseded when others have taken over from us: then this life must end."""
    balance = Balance()
    watched: set[str] | None = None
    while True:
        try:
            await bury_the_dead(cloud)
            alive = {row.id: row for row in await living(cloud)}
            if set(alive) != watched:
                await adopt_hosts(cloud)
                await miss_no_more(alive.values(), cloud)
                watched = set(alive)
            await balance.strike(cloud)
        except (Stale, OutcomeUnknown, Unreachable) as error:
            log.warning("the other controllers were not looked at", error=str(error))
        await cloud.clock.sleep(cloud.settings.controller_lease_seconds / RENEWALS_PER_LEASE)
        try:
            await renew(cloud, agents_held=len(cloud.fleet.held()))
        except (Stale, OutcomeUnknown, Unreachable) as error:
            log.warning("membership was not renewed", error=str(error))


async def mind_our_tenure(cloud: Cloud) -> None:
    """For ever.  Our agents are sent on before another controller may miss them."""
    while True:
        await cloud.clock.sleep(LOOK_SECONDS)
        if cloud.fleet.leads:
            continue
        if held := cloud.fleet.held():
            log.warning("our place among the controllers is in doubt: our agents are sent to others", hosts=len(held))
            cloud.fleet.send_away(len(held), cloud.fleet.controllers, "this controller cannot renew its membership")
