"""Key pairs, affinity groups and tags as clients see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.views.related import names_of
from mainstay_controller.domain.records import AffinityGroup, KeyPair, ResourceTag, UserData
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import LIVE, any_of


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPairView:
    wire_key: ClassVar[str] = "sshkeypair"

    id: str
    name: str
    account: str | None
    domain_id: str
    domain: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKeyPairView(KeyPairView):
    """The private key is shown once."""

    wire_key: ClassVar[str] = "keypair"

    private_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDataView:
    wire_key: ClassVar[str] = "userdata"

    id: str
    name: str
    account_id: str
    account: str | None
    domain_id: str
    domain: str | None
    user_data: str
    params: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AffinityGroupView:
    wire_key: ClassVar[str] = "affinitygroup"

    id: str
    name: str
    type: str
    description: str
    account: str | None
    domain_id: str
    domain: str | None
    virtual_machine_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagView:
    wire_key: ClassVar[str] = "tag"

    key: str
    value: str
    resource_type: str
    resource_id: str
    account: str | None
    domain_id: str
    domain: str | None


async def key_pairs(records: Sequence[KeyPair], _caller: Caller, cloud: Cloud) -> list[KeyPairView]:
    accounts = await names_of(cloud.store.accounts, (pair.account_id for pair in records))
    domains = await names_of(cloud.store.domains, (pair.domain_id for pair in records))
    return [
        KeyPairView(
            id=pair.id,
            name=pair.name,
            account=accounts.get(pair.account_id),
            domain_id=pair.domain_id,
            domain=domains.get(pair.domain_id),
            fingerprint=pair.fingerprint,
        )
        for pair in records
    ]


async def affinity_groups(records: Sequence[AffinityGroup], _caller: Caller, cloud: Cloud) -> list[AffinityGroupView]:
    accounts = await names_of(cloud.store.accounts, (group.account_id for group in records))
    domains = await names_of(cloud.store.domains, (group.domain_id for group in records))
    vms = await cloud.store.vms.find(LIVE, any_of("account_id", sorted({group.account_id for group in records})))
    members: dict[str, list[str]] = defaultdict(list)
    for vm in vms:
        for group_id in vm.affinity_group_ids:
            members[group_id].append(vm.id)
    return [
        AffinityGroupView(
            id=group.id,
            name=group.name,
            type=group.type,
            description=group.description,
            account=accounts.get(group.account_id),
            domain_id=group.domain_id,
            domain=domains.get(group.domain_id),
            virtual_machine_ids=tuple(members[group.id]),
        )
        for group in records
    ]


async def tags(records: Sequence[ResourceTag], _caller: Caller, cloud: Cloud) -> list[TagView]:
    accounts = await names_of(cloud.store.accounts, (tag.account_id for tag in records))
    domains = await names_of(cloud.store.domains, (tag.domain_id for tag in records))
    return [
        TagView(
            key=tag.key,
            value=tag.value,
            resource_type=tag.resource_type,
            resource_id=tag.resource_id,
            account=accounts.get(tag.account_id),
            domain_id=tag.domain_id,
            domain=domains.get(tag.domain_id),
        )
        for tag in records
    ]


async def tags_of(resource_ids: Iterable[str], caller: Caller, cloud: Cloud) -> Mapping[str, tuple[TagView, ...]]:
    """By the id of what they are on; nothing for what has none."""
    found = await cloud.store.tags.find(any_of("resource_id", sorted(set(resource_ids))))
    by_thing: dict[str, list[TagView]] = defaultdict(list)
    for tag in await tags(found, caller, cloud):
        by_thing[tag.resource_id].append(tag)
    return {thing: tuple(on_it) for thing, on_it in by_thing.items()}


async def user_data(records: Sequence[UserData], _caller: Caller, cloud: Cloud) -> list[UserDataView]:
    accounts = await names_of(cloud.store.accounts, (data.account_id for data in records))
    domains = await names_of(cloud.store.domains, (data.domain_id for data in records))
    return [
        UserDataView(
            id=data.id,
            name=data.name,
            account_id=data.account_id,
            account=accounts.get(data.account_id),
            domain_id=data.domain_id,
            domain=domains.get(data.domain_id),
            user_data=data.content,
            params=data.params or None,
        )
        for data in records
    ]
