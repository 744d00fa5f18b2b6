"""Capacity: what places have, and what of it is promised."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ROOT_READS, Caller
from mainstay_controller.api.answers import Rows
from mainstay_controller.api.listing import Listing, page_in_memory
from mainstay_controller.api.registry import command
from mainstay_controller.domain.capacity.totals import Capacity
from mainstay_controller.domain.ids import ClusterId, PodId, ZoneId
from mainstay_controller.domain.records import Zone
from mainstay_controller.operations.capacity.count_capacity import Within, count_capacity
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import LIVE


class SortBy(StrEnum):
    USAGE = "usage"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityView:
    wire_key: ClassVar[str] = "capacity"

    type: int
    name: str
    zone_id: str
    zone_name: str
    pod_id: str | None
    pod_name: str | None
    cluster_id: str | None
    cluster_name: str | None
    capacity_used: int
    capacity_allocated: int
    capacity_total: int
    percent_used: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCapacity(Listing):
    zone_id: Annotated[ZoneId | None, "only this zone"] = None
    pod_id: Annotated[PodId | None, "only this pod"] = None
    cluster_id: Annotated[ClusterId | None, "only this cluster"] = None
    type: Annotated[int | None, "only this type of capacity, by CloudStack's number"] = None
    tag: Annotated[str | None, "only what has this tag: capacity is not counted by tags, so nothing has"] = None
    sort_by: Annotated[SortBy | None, "usage: the fullest first"] = None
    fetch_latest: Annotated[bool, "taken for true: it is counted when it is asked"] = True


@command("listCapacity", roles=ROOT_READS)
async def list_capacity(request: ListCapacity, _caller: Caller, cloud: Cloud) -> Rows[CapacityView]:
    """Lists how much of what there is, and how much of it is promised."""
    views = [view for zone in await _zones(request, cloud) for view in await _of_zone(zone, request, cloud)]
    if request.sort_by is SortBy.USAGE:
        views.sort(key=lambda view: float(view.percent_used), reverse=True)
    return page_in_memory(request, views)


async def _zones(request: ListCapacity, cloud: Cloud) -> list[Zone]:
    """The zone that is named, or in which the named pod or cluster is; without any, all."""
    if request.tag is not None:
        return []
    if request.cluster_id is not None:
        return [await cloud.store.zones.by_id((await cloud.store.clusters.by_id(request.cluster_id)).zone_id)]
    if request.pod_id is not None:
        return [await cloud.store.zones.by_id((await cloud.store.pods.by_id(request.pod_id)).zone_id)]
    if request.zone_id is not None:
        return [await cloud.store.zones.by_id(request.zone_id)]
    return await cloud.store.zones.find(LIVE, order_by="name")


async def _of_zone(zone: Zone, request: ListCapacity, cloud: Cloud) -> list[CapacityView]:
    within = Within(zone_id=zone.id, pod_id=request.pod_id, cluster_id=request.cluster_id)
    pod = await cloud.store.pods.by_id(request.pod_id) if request.pod_id else None
    cluster = await cloud.store.clusters.by_id(request.cluster_id) if request.cluster_id else None
    return [
        CapacityView(
            type=each.type,
            name=each.type.name,
            zone_id=zone.id,
            zone_name=zone.name,
            pod_id=request.pod_id,
            pod_name=pod.name if pod else None,
            cluster_id=request.cluster_id,
            cluster_name=cluster.name if cluster else None,
            capacity_used=each.used,
            capacity_allocated=each.used,
            capacity_total=each.total,
            percent_used=f"{each.percent_used:.2f}",
        )
        for each in await count_capacity(within, cloud)
        if _is_asked_for(each, request)
    ]


def _is_asked_for(capacity: Capacity, request: ListCapacity) -> bool:
    return request.type in (None, int(capacity.type))


COMMANDS = (list_capacity,)
