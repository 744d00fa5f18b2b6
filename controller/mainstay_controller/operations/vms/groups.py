"""Groups that accounts make: affinity groups, which placement keeps, and security groups, which are bookkeeping."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import AffinityGroupId, SecurityGroupId
from mainstay_controller.domain.records import Account, AffinityGroup, SecurityGroup, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.checks import a_name, one_of
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.store.port import LIVE, Conflict, eq

AFFINITY_TYPES = ("host anti-affinity", "host affinity")


async def create_affinity_group(name: str, kind: str, description: str, owner: Account, cloud: Cloud) -> AffinityGroup:
    group = AffinityGroup(
        id=AffinityGroupId(cloud.rng.uuid()),
        name=a_name("name", name),
        type=one_of("type", kind, AFFINITY_TYPES),
        account_id=owner.id,
        domain_id=owner.domain_id,
        created=await cloud.store.now(),
        description=description,
    )
    try:
        return await cloud.store.affinity_groups.add(group)
    except Conflict:
        raise InvalidParameter("name", f"an affinity group {group.name} exists in account {owner.name}") from None


async def members_of(group: AffinityGroup, cloud: Cloud) -> list[Vm]:
    vms = await cloud.store.vms.find(LIVE, eq("account_id", group.account_id))
    return [vm for vm in vms if group.id in vm.affinity_group_ids]


async def delete_affinity_group(group: AffinityGroup, cloud: Cloud) -> None:
    """Its members stay where they are, and are free of it."""
    async with cloud.store.transaction() as store:
        for vm in await members_of(group, cloud):
            left = tuple(each for each in vm.affinity_group_ids if each != group.id)
            await store.vms.swap(vm, replace(vm, affinity_group_ids=left))
        await store.affinity_groups.remove(group.id)


async def set_affinity_groups(vm: Vm, group_ids: tuple[AffinityGroupId, ...], cloud: Cloud) -> Vm:
    if vm.state is not VmState.STOPPED:
        raise ResourceInUse(f"VM {vm.name} is {vm.state}: its affinity groups can be changed when it is Stopped")
    return await cloud.store.vms.swap(vm, replace(vm, affinity_group_ids=group_ids))


async def create_security_group(name: str, description: str, owner: Account, cloud: Cloud) -> SecurityGroup:
    group = SecurityGroup(
        id=SecurityGroupId(cloud.rng.uuid()),
        name=a_name("name", name),
        account_id=owner.id,
        domain_id=owner.domain_id,
        created=await cloud.store.now(),
        description=description,
    )
    try:
        return await cloud.store.security_groups.add(group)
    except Conflict:
        raise InvalidParameter("name", f"a security group {group.name} exists in account {owner.name}") from None
