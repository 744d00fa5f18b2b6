"""Change what an operator says of a host: its name, its tags, a remark."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.records import Host
from mainstay_controller.operations.changes import with_changes
from mainstay_controller.operations.checks import a_name, tags
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.living import living_host


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChange:
    """What is None stays as it is."""

    name: str | None = None
    tags: tuple[str, ...] | None = None
    annotation: str | None = None


async def update_host(host_id: HostId, change: HostChange, cloud: Cloud) -> Host:
    host = await living_host(host_id, cloud.store)
    return await cloud.store.hosts.swap(host, with_changes(host, change, {"name": a_name, "tags": tags}))
