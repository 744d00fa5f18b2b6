"""What the demo's cloud is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CLUSTERS, HOSTS_PER_CLUSTER, SHARED_GUESTS_PER_HOST = 3, 4, 4
HOST_MEMORY_MIB, GUEST_MEMORY_MIB = 16384, 1024
LEASE_PROFILE = "fast"
WITH_POWER_CONTROLLERS = "c0"
"""The hosts of this cluster have power controllers; in the others the storage leases alone are the proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHost:
    cluster: str
    name: str
    ip: str

    @property
    def url(self) -> str:
        return f"http://sim/{self.name.replace('-', '/')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedGuest:
    """`offering`: which of OFFERINGS; `host`: where it must be, because its disk is there."""

    name: str
    cluster: str
    offering: str
    host: str | None = None


OFFERINGS = {
    "ha": {"displaytext": "Restarted elsewhere when its host dies", "offerha": "true", "storagetype": "shared"},
    "plain": {"displaytext": "Left stopped when its host dies", "offerha": "false", "storagetype": "shared"},
    "local": {"displaytext": "HA, but its disk dies with its host", "offerha": "true", "storagetype": "local"},
}


def clusters() -> list[str]:
    return [f"c{number}" for number in range(CLUSTERS)]


def hosts(cluster: str) -> list[PlannedHost]:
    number = clusters().index(cluster)
    return [
        PlannedHost(cluster=cluster, name=f"{cluster}-h{each}", ip=f"10.{number}.0.{each + 1}")
        for each in range(HOSTS_PER_CLUSTER)
    ]


def guests(cluster: str) -> Iterator[PlannedGuest]:
    """On every host one guest with a local disk or without HA, in turns, and four that HA takes care of."""
    for number, host in enumerate(hosts(cluster)):
        if number % 2 == 0:
            yield PlannedGuest(name=f"{host.name}-local", cluster=cluster, offering="local", host=host.name)
        else:
            yield PlannedGuest(name=f"{host.name}-plain", cluster=cluster, offering="plain")
        for each in range(SHARED_GUESTS_PER_HOST):
            yield PlannedGuest(name=f"{host.name}-web{each}", cluster=cluster, offering="ha")
