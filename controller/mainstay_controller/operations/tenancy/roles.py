"""Roles of one's own: a name for one of the four kinds of account, whose commands it has."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mainstay_controller.domain.ids import RoleId
from mainstay_controller.domain.records import RoleRecord
from mainstay_controller.domain.roles import Role
from mainstay_controller.operations.checks import a_name
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.store.port import LIVE, Store, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRole:
    name: str
    kind: Role
    description: str = ""


async def create_role(new: NewRole, cloud: Cloud) -> RoleRecord:
    role = RoleRecord(
        id=RoleId(cloud.rng.uuid()),
        name=a_name("name", new.name),
        type=new.kind,
        created=await cloud.store.now(),
        description=new.description,
    )
    async with cloud.store.transaction() as store:
        await _check_free(role.name, store)
        return await store.roles.add(role)


async def update_role(role: RoleRecord, name: str | None, description: str | None, cloud: Cloud) -> RoleRecord:
    _check_own(role)
    changed = replace(
        role,
        name=role.name if name is None else a_name("name", name),
        description=role.description if description is None else description,
    )
    async with cloud.store.transaction() as store:
        if changed.name != role.name:
            await _check_free(changed.name, store)
        return await store.roles.swap(role, changed)


async def delete_role(role: RoleRecord, cloud: Cloud) -> None:
    _check_own(role)
    async with cloud.store.transaction() as store:
        holders = await store.accounts.count(LIVE, eq("role_id", role.id))
        if holders:
            raise ResourceInUse(f"Role {role.name} is held by {holders} accounts")
        await store.roles.remove(role.id)


def _check_own(role: RoleRecord) -> None:
    if role.is_default:
        raise InvalidParameter("id", f"role {role.name} is one of the default roles and stays as it is")


async def _check_free(name: str, store: Store) -> None:
    if await store.roles.find(eq("name", name), limit=1):
        raise InvalidParameter("name", f"a role {name} exists")
