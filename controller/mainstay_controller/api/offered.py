"""Which offerings there are in a zone: those that name it, and those that name none."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay_controller.domain.ids import ZoneId
from mainstay_controller.domain.records import DiskOffering, ServiceOffering
from mainstay_controller.store.port import Where, none_of


def offered_in(zone_id: ZoneId, offerings: Sequence[ServiceOffering | DiskOffering]) -> Where:
    """Of `offerings`, which are all there are."""
    return none_of("id", [each.id for each in offerings if each.zone_ids and zone_id not in each.zone_ids])
