"""Affinity groups: which virtual machines are kept apart, or together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, owner_named
from mainstay_controller.api.answers import Rows, Success
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import Listing, ScopedListing, listing, page_in_memory
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import groups as views
from mainstay_controller.api.views import one
from mainstay_controller.api.views import virtual_machines as vm_views
from mainstay_controller.domain.ids import AffinityGroupId, DomainId, VmId
from mainstay_controller.domain.records import Account, AffinityGroup
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.vms import groups
from mainstay_controller.store.port import Where, any_of, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class AffinityGroupTypeView:
    wire_key: ClassVar[str] = "affinityGroupType"

    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAffinityGroups(ScopedListing):
    """Lists affinity groups."""

    id: Annotated[AffinityGroupId | None, "the ID of the affinity group", Filter()] = None
    name: Annotated[str | None, "the name of the affinity group", Filter()] = None
    type: Annotated[str | None, "host anti-affinity or host affinity", Filter()] = None
    virtual_machine_id: Annotated[VmId | None, "only groups of this virtual machine"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAffinityGroupTypes(Listing):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAffinityGroup:
    name: Annotated[str, "the name of the affinity group"]
    type: Annotated[str, "host anti-affinity or host affinity"]
    description: Annotated[str, "a description"] = ""
    account: Annotated[str | None, "for this account, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAffinityGroup:
    id: Annotated[AffinityGroupId | None, "the ID of the affinity group"] = None
    name: Annotated[str | None, "or its name"] = None
    account: Annotated[str | None, "of this account, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateVmAffinityGroup:
    id: Annotated[VmId, "the ID of the virtual machine"]
    affinity_group_ids: Annotated[tuple[AffinityGroupId, ...], "the IDs of its groups"] = ()
    affinity_group_names: Annotated[tuple[str, ...], "or their names"] = ()


async def _of_the_vm(request: ListAffinityGroups, _caller: Caller, cloud: Cloud) -> list[Where]:
    if request.virtual_machine_id is None:
        return []
    return [any_of("id", (await cloud.store.vms.by_id(request.virtual_machine_id)).affinity_group_ids)]


list_groups = listing(
    "listAffinityGroups",
    request=ListAffinityGroups,
    rows=lambda store: store.affinity_groups,
    view=views.affinity_groups,
    roles=EVERYBODY,
    keyword=("name", "type", "description"),
    fixed=(),
    where=_of_the_vm,
)


@command("listAffinityGroupTypes", roles=EVERYBODY)
async def list_types(request: ListAffinityGroupTypes, _caller: Caller, _cloud: Cloud) -> Rows[AffinityGroupTypeView]:
    """Lists the kinds of affinity group."""
    return page_in_memory(request, [AffinityGroupTypeView(type=kind) for kind in groups.AFFINITY_TYPES])


@instant_job("createAffinityGroup", roles=USERS, creates=True)
async def create(request: CreateAffinityGroup, caller: Caller, cloud: Cloud) -> views.AffinityGroupView:
    """Creates an affinity group."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store)
    group = await groups.create_affinity_group(request.name, request.type, request.description, owner, cloud)
    return await one(views.affinity_groups, group, caller, cloud)


@instant_job("deleteAffinityGroup", roles=USERS)
async def delete(request: DeleteAffinityGroup, caller: Caller, cloud: Cloud) -> Success:
    """Deletes an affinity group; its members stay where they are."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store)
    await groups.delete_affinity_group(await _meant(request, owner, cloud), cloud)
    return Success()


@instant_job("updateVMAffinityGroup", roles=USERS)
async def update_vm(request: UpdateVmAffinityGroup, caller: Caller, cloud: Cloud) -> vm_views.VmView:
    """Says which affinity groups a virtual machine is in, while it is Stopped."""
    vm = await cloud.store.vms.by_id(request.id)
    owner = await cloud.store.accounts.by_id(vm.account_id)
    named = [await _named(name, owner, cloud) for name in request.affinity_group_names]
    ids = (*request.affinity_group_ids, *(group.id for group in named))
    return await one(vm_views.virtual_machines, await groups.set_affinity_groups(vm, ids, cloud), caller, cloud)


async def _meant(request: DeleteAffinityGroup, owner: Account, cloud: Cloud) -> AffinityGroup:
    if request.id is not None:
        return await cloud.store.affinity_groups.by_id(request.id)
    if request.name is None:
        raise InvalidParameter("id", "name the affinity group by id or by name")
    return await _named(request.name, owner, cloud)


async def _named(name: str, owner: Account, cloud: Cloud) -> AffinityGroup:
    found = await cloud.store.affinity_groups.find(eq("account_id", owner.id), eq("name", name), limit=1)
    if not found:
        raise InvalidParameter("name", f"there is no affinity group {name} in account {owner.name}")
    return found[0]


COMMANDS = (list_groups, list_types, create, delete, update_vm)
