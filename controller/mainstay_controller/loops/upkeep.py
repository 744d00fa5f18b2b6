"""Small things that must be done now and then: settings read anew, sessions and call windows that ended forgotten."""

from __future__ import annotations

from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.sign_in import sweep_sessions
from mainstay_controller.operations.throttle import sweep_windows
from mainstay_controller.operations.tune import refresh
from mainstay_controller.store.port import OutcomeUnknown, Unreachable
from mainstay_runtime.logs import logger

REFRESH_SECONDS = 1.0
REFRESHES_PER_SWEEP = 60

log = logger(__name__)


async def keep_up(cloud: Cloud) -> None:
    """For ever."""
    turn = 0
    while True:
        await cloud.clock.sleep(REFRESH_SECONDS)
        turn += 1
        try:
            await refresh(cloud)
            if turn % REFRESHES_PER_SWEEP == 0:
                await sweep_sessions(cloud)
                await sweep_windows(cloud)
        except (OutcomeUnknown, Unreachable) as error:
            log.warning("settings were not read", error=str(error))
