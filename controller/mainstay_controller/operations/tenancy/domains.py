"""Domains: the tree in which accounts live.  A domain's path names its place, such as /sales/emea."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import DomainId
from mainstay_controller.domain.records import DomainRecord
from mainstay_controller.operations.beginning.first_admin import ROOT_DOMAIN_ID
from mainstay_controller.operations.checks import a_name
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.store.port import LIVE, Store, eq


async def create_domain(name: str, parent: DomainRecord, network_domain: str, cloud: Cloud) -> DomainRecord:
    domain = DomainRecord(
        id=DomainId(cloud.rng.uuid()),
        name=_a_domain_name(name),
        path=_path_below(parent.path, name),
        created=await cloud.store.now(),
        parent_id=parent.id,
        network_domain=network_domain,
    )
    async with cloud.store.transaction() as store:
        await _check_free(domain, store)
        return await store.domains.add(domain)


async def rename_domain(
    domain: DomainRecord, name: str | None, network_domain: str | None, cloud: Cloud
) -> DomainRecord:
    """The paths of what is below it change with it."""
    async with cloud.store.transaction() as store:
        renamed = replace(domain, network_domain=domain.network_domain if network_domain is None else network_domain)
        if name is not None and name != domain.name:
            if domain.id == ROOT_DOMAIN_ID:
                raise InvalidParameter("name", "the ROOT domain keeps its name")
            above = domain.path.rpartition("/")[0] or "/"
            renamed = replace(renamed, name=_a_domain_name(name), path=_path_below(above, name))
            await _check_free(renamed, store)
            await _move_below(domain, renamed, store)
        return await store.domains.swap(domain, renamed)


async def delete_domain(domain: DomainRecord, cloud: Cloud) -> None:
    """Only an empty one."""
    if domain.id == ROOT_DOMAIN_ID:
        raise InvalidParameter("id", "the ROOT domain cannot be deleted")
    async with cloud.store.transaction() as store:
        accounts = await store.accounts.count(LIVE, eq("domain_id", domain.id))
        below = await store.domains.count(LIVE, eq("parent_id", domain.id))
        if accounts or below:
            raise ResourceInUse(f"Domain {domain.path} still has {accounts} accounts and {below} domains below it")
        await store.domains.swap(domain, replace(domain, removed=cloud.clock.now(), state="Inactive"))


async def domain_at(path: str, store: Store) -> DomainRecord | None:
    """By its path; the empty path and / are ROOT."""
    wanted = "/" + "/".join(part for part in path.removeprefix("ROOT").split("/") if part and part != "ROOT")
    return next(iter(await store.domains.find(LIVE, eq("path", wanted), limit=1)), None)


async def _check_free(domain: DomainRecord, store: Store) -> None:
    if await store.domains.find(LIVE, eq("path", domain.path), limit=1):
        raise InvalidParameter("name", f"a domain {domain.path} exists")


async def _move_below(old: DomainRecord, new: DomainRecord, store: Store) -> None:
    for each in await store.domains.find(LIVE):
        if each.path.startswith(old.path + "/"):
            await store.domains.swap(each, replace(each, path=new.path + each.path.removeprefix(old.path)))


def _path_below(parent_path: str, name: str) -> str:
    return f"{parent_path.rstrip('/')}/{name}"


def _a_domain_name(name: str) -> str:
    if "/" in name:
        raise InvalidParameter("name", "it contains /, which separates domains")
    return a_name("name", name)
