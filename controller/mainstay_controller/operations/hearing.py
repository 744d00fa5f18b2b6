"""Who may be dead himself, though nobody says so yet?"""

from __future__ import annotations

from mainstay_controller.domain.ids import HostId
from mainstay_controller.operations.cloud import Cloud

BEATS_OF_LIFE = 2.0


def misses_beats(host_id: HostId, cloud: Cloud) -> bool:
    """Of a host that beats to another controller we do not know."""
    heard_at = cloud.fleet.heard_at(host_id) if cloud.fleet.holds(host_id) else None
    patience_seconds = BEATS_OF_LIFE * cloud.settings.ping_interval_seconds
    return heard_at is not None and cloud.clock.monotonic() - heard_at > patience_seconds
