"""Say that we live, hear who else does, and watch over the hosts of those who do not."""

from __future__ import annotations

from mainstay_controller.operations.adopt_hosts import adopt_hosts
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.membership import living_addresses, renew
from mainstay_controller.store.port import OutcomeUnknown, Stale, Unreachable
from mainstay_runtime.logs import logger

RENEWALS_PER_LEASE = 3

log = logger(__name__)


async def keep_membership(cloud: Cloud) -> None:
    """For ever.  Raises Superseded when another process has taken our place: then this one must end."""
    alive = await living_addresses(cloud.store)
    while True:
        await cloud.clock.sleep(cloud.settings.controller_lease_seconds / RENEWALS_PER_LEASE)
        try:
            await renew(cloud, agents_held=len(cloud.fleet.connected()))
            before, alive = alive, await living_addresses(cloud.store)
            cloud.fleet.controllers = alive
            if alive != before:
                await adopt_hosts(cloud)
        except (Stale, OutcomeUnknown, Unreachable) as error:
            log.warning("membership was not renewed", error=str(error))
