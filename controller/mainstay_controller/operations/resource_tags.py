"""Tags: a user's words on things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from mainstay_controller.domain.ids import AccountId, DomainId, TagId
from mainstay_controller.domain.records import ResourceTag
from mainstay_controller.operations.checks import a_name, one_of
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import Store, eq

REPOSITORIES: Mapping[str, str] = {
    "UserVm": "vms",
    "Volume": "volumes",
    "Template": "templates",
    "ISO": "templates",
    "Network": "networks",
    "PublicIpAddress": "ip_addresses",
    "SecurityGroup": "security_groups",
    "FirewallRule": "firewall_rules",
    "PortForwardingRule": "firewall_rules",
    "AffinityGroup": "affinity_groups",
}
"""What may be tagged: CloudStack's word, and where it is kept."""
ALIASES: Mapping[str, str] = {"virtualmachine": "UserVm", "vm": "UserVm"}


class Owned(Protocol):
    @property
    def account_id(self) -> AccountId: ...

    @property
    def domain_id(self) -> DomainId: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """A thing that is tagged: CloudStack's word for its kind, its id, and who owns it."""

    type: str
    id: str
    owner: Owned


async def set_tags(things: list[Tagged], words: Mapping[str, str], cloud: Cloud) -> None:
    """A key that a thing has already gets the new value."""
    now = await cloud.store.now()
    async with cloud.store.transaction() as store:
        for thing in things:
            known = {tag.key: tag for tag in await tags_on(thing.id, store)}
            for key, value in words.items():
                tag = ResourceTag(
                    id=TagId(cloud.rng.uuid()),
                    resource_type=thing.type,
                    resource_id=thing.id,
                    key=a_name("key", key),
                    value=value,
                    account_id=thing.owner.account_id,
                    domain_id=thing.owner.domain_id,
                    created=now,
                )
                if key in known:
                    await store.tags.swap(known[key], replace(known[key], value=value))
                else:
                    await store.tags.add(tag)


async def remove_tags(things: list[Tagged], words: Mapping[str, str], cloud: Cloud) -> None:
    """Those of the keys that are named, and of the values where they are; without any, all."""
    async with cloud.store.transaction() as store:
        for thing in things:
            for tag in await tags_on(thing.id, store):
                if not words or (tag.key in words and words[tag.key] in ("", tag.value)):
                    await store.tags.remove(tag.id)


async def tags_on(resource_id: str, store: Store) -> list[ResourceTag]:
    return await store.tags.find(eq("resource_id", resource_id))


def a_resource_type(field: str, text: str) -> str:
    return one_of(field, ALIASES.get(text.lower(), text), tuple(REPOSITORIES))
