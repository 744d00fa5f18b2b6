"""Which offerings there are in a zone or for a domain: those that name it, and those that name none."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay_controller.domain.ids import DomainId, ZoneId
from mainstay_controller.domain.records import DiskOffering, NetworkOffering, ServiceOffering
from mainstay_controller.store.port import Where, none_of

Offerings = Sequence[ServiceOffering] | Sequence[DiskOffering] | Sequence[NetworkOffering]


def offered_in(zone_id: ZoneId, offerings: Offerings) -> Where:
    """Of `offerings`, which are all there are."""
    return none_of("id", [each.id for each in offerings if each.zone_ids and zone_id not in each.zone_ids])


def offered_to(domain_id: DomainId, offerings: Offerings) -> Where:
    return none_of("id", [each.id for each in offerings if each.domain_ids and domain_id not in each.domain_ids])
