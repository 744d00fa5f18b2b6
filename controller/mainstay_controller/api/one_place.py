"""Requests that name one host, cluster or zone and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.domain.ids import ClusterId, HostId, ZoneId


@dataclass(frozen=True, slots=True, kw_only=True)
class OneHost:
    host_id: Annotated[HostId, "the ID of the host"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCluster:
    cluster_id: Annotated[ClusterId, "the ID of the cluster"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneZone:
    zone_id: Annotated[ZoneId, "the ID of the zone"]
