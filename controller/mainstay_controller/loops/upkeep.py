"""Small things that must be done now and then: settings read anew, alerts resolved whose trouble is over, what ended forgotten, what an older
release kept in the open sealed."""

from __future__ import annotations

from mainstay_controller.operations.alerting.close_alerts import close_alerts, forget_old
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.orders.screen_passwords import seal_screen_passwords
from mainstay_controller.operations.storage.downloads import sweep_downloads
from mainstay_controller.operations.tenancy.sign_in import sweep_sessions
from mainstay_controller.operations.throttle import sweep_windows
from mainstay_controller.operations.tune import refresh
from mainstay_controller.operations.vms.show_console import sweep_tickets
from mainstay_controller.store.port import OutcomeUnknown, Unreachable
from mainstay_runtime.logs import logger

REFRESH_SECONDS = 1.0
REFRESHES_PER_SWEEP = 60
REFRESHES_PER_CLOSING = 300
PURGES_FIRST_SECONDS = 600.0
"""A controller that starts has more urgent things to do."""

log = logger(__name__)


async def keep_up(cloud: Cloud) -> None:
    """For ever."""
    turn, purge_at = 0, cloud.clock.monotonic() + PURGES_FIRST_SECONDS
    while True:
        await cloud.clock.sleep(REFRESH_SECONDS)
        turn += 1
        try:
            await refresh(cloud)
            if turn % REFRESHES_PER_SWEEP == 0:
                await sweep_sessions(cloud)
                await sweep_windows(cloud)
                await sweep_downloads(cloud)
                await sweep_tickets(cloud)
            if turn % REFRESHES_PER_CLOSING == 0:
                await close_alerts(cloud)
            if cloud.clock.monotonic() >= purge_at:
                await forget_old(cloud)
                await seal_screen_passwords(cloud)
                purge_at = cloud.clock.monotonic() + cloud.settings.alert_purge_interval_seconds
        except (OutcomeUnknown, Unreachable) as error:
            log.warning("the database was away during upkeep", error=str(error))
