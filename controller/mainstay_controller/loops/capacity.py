"""Look at capacity every capacity.check.period.  Every controller may do so: rows are compared and set, and an alert is one row."""

from __future__ import annotations

from mainstay_controller.operations.capacity.watch_capacity import watch_capacity
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import OutcomeUnknown, Stale, Unreachable
from mainstay_runtime.logs import logger

log = logger(__name__)


async def look_at_capacity(cloud: Cloud) -> None:
    """For ever."""
    while True:
        await cloud.clock.sleep(cloud.settings.capacity_check_ms / 1000)
        try:
            await watch_capacity(cloud)
        except (OutcomeUnknown, Stale, Unreachable) as error:
            log.info("capacity is looked at again", error=str(error))
