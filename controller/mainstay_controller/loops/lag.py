"""How late does our own loop wake us?  The worst of late is what /metrics tells."""

from __future__ import annotations

from mainstay_controller.operations.cloud import Cloud

NAP_SECONDS = 0.5
FORGOTTEN_SHARE = 0.1
"""Of the worst, with each nap: after a minute little is left."""


async def measure_lag(cloud: Cloud) -> None:
    """For ever."""
    while True:
        before = cloud.clock.monotonic()
        await cloud.clock.sleep(NAP_SECONDS)
        lag_seconds = cloud.clock.monotonic() - before - NAP_SECONDS
        cloud.loop_lag_seconds = max(lag_seconds, cloud.loop_lag_seconds * (1 - FORGOTTEN_SHARE))
