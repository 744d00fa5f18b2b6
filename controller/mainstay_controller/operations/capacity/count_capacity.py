"""What a zone, pod or cluster has and has promised, counted from rows when it is asked."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_controller.domain.capacity.totals import Capacity, Stock, ZoneStock, capacities, zone_capacities
from mainstay_controller.domain.ids import ClusterId, PodId, ZoneId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.networking.physical_networks import vlans_of
from mainstay_controller.store.port import LIVE, Store, Where, any_of, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """The narrowest place that is named counts."""

    zone_id: ZoneId
    pod_id: PodId | None = None
    cluster_id: ClusterId | None = None


async def count_capacity(within: Within, cloud: Cloud) -> list[Capacity]:
    store, zone = cloud.store, eq("zone_id", within.zone_id)
    clusters = await store.clusters.find(zone, *_in("pod_id", within.pod_id), *_in("id", within.cluster_id), LIVE)
    cluster_ids = [cluster.id for cluster in clusters]
    pods = await store.pods.find(zone, any_of("id", sorted({cluster.pod_id for cluster in clusters})), LIVE)
    narrowed = within.pod_id is not None or within.cluster_id is not None
    pools = await store.pools.find(zone, *([any_of("cluster_id", cluster_ids)] if narrowed else []), LIVE)
    of_the_zone = [] if narrowed else zone_capacities(await _zone_stock(within.zone_id, store))
    counted = capacities(
        Stock(
            pods=tuple(pods),
            clusters={cluster.id: cluster for cluster in clusters},
            hosts=tuple(await store.hosts.find(any_of("cluster_id", cluster_ids), LIVE)),
            pools=tuple(pools),
            vms=tuple(await store.vms.find(zone, LIVE)),
            volumes=tuple(await store.volumes.find(any_of("pool_id", [pool.id for pool in pools]), LIVE)),
        )
    )
    return [*counted, *of_the_zone]


async def _zone_stock(zone_id: ZoneId, store: Store) -> ZoneStock:
    zone = eq("zone_id", zone_id)
    physical = await store.physical_networks.find(zone, LIVE)
    return ZoneStock(
        networks=tuple(await store.networks.find(zone, LIVE)),
        public_ranges=tuple(await store.ip_ranges.find(zone, eq("for_virtual_network", True))),
        addresses=tuple(await store.ip_addresses.find(zone)),
        vlans=frozenset((each.id, str(vlan)) for each in physical for vlan in vlans_of(each)),
        image_stores=tuple(each for each in await store.image_stores.find(LIVE) if each.zone_id in (None, zone_id)),
    )


def _in(field: str, value: str | None) -> list[Where]:
    return [eq(field, value)] if value is not None else []
