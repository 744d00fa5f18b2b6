"""How much of each kind an account has, and how much it may have.

What an account has is counted from rows when it is asked.  An account's own limit stands before its domain's; without either there is none.
Two who deploy at once may both find the last place free: a limit is an agreement, not a wall."""

from __future__ import annotations

from collections.abc import Mapping

from mainstay_controller.domain.records import Account, ResourceLimit
from mainstay_controller.domain.resource_types import UNLIMITED, ResourceType
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import LimitReached
from mainstay_controller.store.port import LIVE, eq

GIB = 1 << 30


async def count_resources(account: Account, cloud: Cloud) -> Mapping[ResourceType, int]:
    store, own = cloud.store, eq("account_id", account.id)
    vms = await store.vms.find(LIVE, own)
    volumes = await store.volumes.find(LIVE, own)
    templates = await store.templates.find(LIVE, own)
    return {
        ResourceType.INSTANCE: len(vms),
        ResourceType.CPU: sum(vm.cpus for vm in vms),
        ResourceType.MEMORY: sum(vm.memory_mib for vm in vms),
        ResourceType.VOLUME: len(volumes),
        ResourceType.PRIMARY_STORAGE: sum(volume.size_bytes for volume in volumes) // GIB,
        ResourceType.PUBLIC_IP: await store.ip_addresses.count(own, eq("is_public", True)),
        ResourceType.SNAPSHOT: 0,
        ResourceType.TEMPLATE: len(templates),
        ResourceType.PROJECT: await store.projects.count(LIVE, eq("owner_id", account.id)),
        ResourceType.NETWORK: await store.networks.count(LIVE, own),
        ResourceType.VPC: 0,
        ResourceType.SECONDARY_STORAGE: sum(template.size_bytes for template in templates) // GIB,
    }


async def limits_of(owner_id: str, cloud: Cloud) -> Mapping[ResourceType, int]:
    """What was set for an account or a domain; the rest is unlimited."""
    found = {row.type: row.max for row in await cloud.store.resource_limits.find(eq("owner_id", owner_id))}
    return {kind: found.get(kind, UNLIMITED) for kind in ResourceType}


async def set_limit(owner_id: str, kind: ResourceType, most: int, cloud: Cloud) -> None:
    row = ResourceLimit(
        id=f"{owner_id}:{int(kind)}", owner_id=owner_id, type=kind, max=most, created=await cloud.store.now()
    )
    async with cloud.store.transaction() as store:
        known = await store.resource_limits.get(row.id)
        if known is not None:
            await store.resource_limits.remove(known.id)
        await store.resource_limits.add(row)


async def check_limits(account: Account, more: Mapping[ResourceType, int], cloud: Cloud) -> None:
    """Raises LimitReached where `more` would be too much."""
    own, domains = await limits_of(account.id, cloud), await limits_of(account.domain_id, cloud)
    most = {kind: own[kind] if own[kind] != UNLIMITED else domains[kind] for kind in more}
    if all(each == UNLIMITED for each in most.values()):
        return
    has = await count_resources(account, cloud)
    for kind, wanted in more.items():
        if most[kind] != UNLIMITED and has[kind] + wanted > most[kind]:
            raise LimitReached(
                f"Maximum number of resources of type '{kind.word}' for account {account.name} is {most[kind]}:"
                f" it has {has[kind]}, and {wanted} more are asked for"
            )
