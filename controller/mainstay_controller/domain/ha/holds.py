"""May a host keep its guests on our word while its storage is away?

A hold-grant promises "I will not take over from you before H".  It is given only when most hosts of that pool see it down too: then it is
the storage that failed and not the host, and killing guests would help nobody.  To grant is always safe; it only delays a takeover."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mainstay_controller.domain.ids import HostId


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSight:
    """How one live host fares with the pool: seconds since its last acknowledged renewal there."""

    host_id: HostId
    age_seconds: float


def most_see_it_down(sights: Collection[PoolSight], down_after_seconds: float) -> bool:
    down = sum(1 for sight in sights if sight.age_seconds > down_after_seconds)
    return 2 * down > len(sights)
