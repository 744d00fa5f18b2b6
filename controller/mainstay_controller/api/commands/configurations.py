"""Settings: what operators may tune, and what it is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Rows
from mainstay_controller.api.listing import Listing, page_in_memory
from mainstay_controller.api.parameters import Length
from mainstay_controller.api.registry import command
from mainstay_controller.domain.ids import AccountId, ClusterId, DomainId, ImageStoreId, PoolId, ZoneId
from mainstay_controller.domain.roles import Role
from mainstay_controller.domain.tunable import written
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.journal import About
from mainstay_controller.operations.settings import declared
from mainstay_controller.operations.tune import Place, Tuned, tune, tune_place, tuned, tuned_at, untune
from mainstay_controller.store.port import Repository

KINDS = {bool: "Boolean", int: "Number", float: "Decimal", str: "String"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationView:
    """`default_theirs` is ours: CloudStack's default, where ours differs; `range` what is allowed; `unit` in what it counts."""

    wire_key: ClassVar[str] = "configuration"

    id: int
    name: str
    value: str
    default_value: str
    default_theirs: str | None
    description: str
    display_text: str
    category: str
    component: str
    group: str
    subgroup: str
    scope: str
    type: str
    options: str | None
    range: str | None
    unit: str | None
    is_dynamic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationGroupView:
    wire_key: ClassVar[str] = "configurationgroup"

    name: str
    description: str
    precedence: int
    subgroup: tuple[ConfigurationSubgroupView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationSubgroupView:
    name: str
    precedence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConfigurations(Listing):
    name: Annotated[str | None, "only settings whose name contains this"] = None
    group: Annotated[str | None, "only settings of this group"] = None
    subgroup: Annotated[str | None, "only settings of this subgroup"] = None
    parent: Annotated[str | None, "only settings below this one: there are none"] = None
    category: Annotated[str | None, "only settings of this category"] = None
    zone_id: Annotated[ZoneId | None, "those of scope Zone, as they hold in this one"] = None
    cluster_id: Annotated[ClusterId | None, "those of scope Cluster, as they hold in this one"] = None
    storage_id: Annotated[PoolId | None, "those of scope StoragePool, as they hold in this one"] = None
    account_id: Annotated[AccountId | None, "those of scope Account, as they hold for this one"] = None
    domain_id: Annotated[DomainId | None, "of one domain: settings have no such scope here, so it is refused"] = None
    image_store_uuid: Annotated[ImageStoreId | None, "of one image store: refused likewise"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConfigurationGroups(Listing):
    group: Annotated[str | None, "only this group"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetConfiguration:
    name: Annotated[str, "the name of the setting"]
    zone_id: Annotated[ZoneId | None, "for this zone"] = None
    cluster_id: Annotated[ClusterId | None, "for this cluster"] = None
    storage_id: Annotated[PoolId | None, "for this storage pool"] = None
    account_id: Annotated[AccountId | None, "for this account"] = None
    domain_id: Annotated[DomainId | None, "of one domain: settings have no such scope here, so it is refused"] = None
    image_store_uuid: Annotated[ImageStoreId | None, "of one image store: refused likewise"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateConfiguration(ResetConfiguration):
    value: Annotated[str, "the new value", Length(4096)]


@command("listConfigurations", roles=ROOT_READS)
async def list_configurations(request: ListConfigurations, caller: Caller, cloud: Cloud) -> Rows[ConfigurationView]:
    """Lists settings with their values."""
    place = await _place(request, cloud)
    found = tuned(cloud) if place is None else tuned_at(place, cloud)
    shown = [_configuration(each, caller) for each in found]
    return page_in_memory(request, [each for each in shown if _is_asked_for(request, each)])


@command("updateConfiguration", roles=ROOT)
async def update(request: UpdateConfiguration, caller: Caller, cloud: Cloud) -> ConfigurationView:
    """Changes a setting; every controller follows within a second or two."""
    place = await _place(request, cloud)
    if place is None:
        return _configuration(await tune(request.name, request.value, cloud, _by(caller)), caller)
    return _configuration(await tune_place(request.name, request.value, place, cloud, _by(caller)), caller)


@command("resetConfiguration", roles=ROOT)
async def reset(request: ResetConfiguration, caller: Caller, cloud: Cloud) -> ConfigurationView:
    """Sets a setting back: to its default, or in one place to what holds in the whole cloud."""
    place = await _place(request, cloud)
    if place is None:
        return _configuration(await untune(request.name, cloud, _by(caller)), caller)
    return _configuration(await tune_place(request.name, None, place, cloud, _by(caller)), caller)


@command("listConfigurationGroups", roles=ROOT_READS)
async def list_groups(request: ListConfigurationGroups, _caller: Caller, _cloud: Cloud) -> Rows[ConfigurationGroupView]:
    """Lists the groups of settings."""
    names = dict.fromkeys(each.tunable.group for each in declared().values())
    views = [
        ConfigurationGroupView(
            name=name,
            description=f"Settings of {name}",
            precedence=number,
            subgroup=(ConfigurationSubgroupView(name="Others", precedence=1),),
        )
        for number, name in enumerate(names, start=1)
        if request.group in (None, name)
    ]
    return page_in_memory(request, views)


async def _place(request: ListConfigurations | ResetConfiguration, cloud: Cloud) -> Place | None:
    """The one that is named; None: the whole cloud."""
    if request.domain_id is not None or request.image_store_uuid is not None:
        field = "domainid" if request.domain_id is not None else "imagestoreuuid"
        raise InvalidParameter(field, "settings are global, or of a zone, a cluster, a storage pool or an account")
    store = cloud.store
    named: dict[str, tuple[Repository[Any], str | None]] = {
        "zoneid": (store.zones, request.zone_id),
        "clusterid": (store.clusters, request.cluster_id),
        "storageid": (store.pools, request.storage_id),
        "accountid": (store.accounts, request.account_id),
    }
    given = {name: (rows, place_id) for name, (rows, place_id) in named.items() if place_id is not None}
    if len(given) > 1:
        raise InvalidParameter(next(iter(given)), "name one scope only")
    for rows, place_id in given.values():
        place: Place = await rows.by_id(str(place_id))
        return place
    return None


def _configuration(each: Tuned, caller: Caller) -> ConfigurationView:
    """A secret is shown to root administrators."""
    tunable = each.declared.tunable
    opened = caller.role is Role.ROOT_ADMIN
    return ConfigurationView(
        id=list(declared()).index(tunable.name) + 1,
        name=tunable.name,
        value=written(each.value) if opened else tunable.shown(each.value),
        default_value=written(each.declared.default),
        default_theirs=tunable.theirs or None,
        description=tunable.told,
        display_text=tunable.name,
        category="Secure" if tunable.is_secret else "Advanced",
        component="mainstay",
        group=tunable.group,
        subgroup="Others",
        scope=tunable.scope,
        type="Select" if tunable.choices else KINDS[each.declared.kind],
        options=",".join(tunable.choices) or None,
        range=tunable.range or None,
        unit=tunable.unit or None,
        is_dynamic=not tunable.at_start,
    )


def _is_asked_for(request: ListConfigurations, view: ConfigurationView) -> bool:
    def says(wanted: str | None, *texts: str) -> bool:
        return wanted is None or any(wanted.lower() in text.lower() for text in texts)

    def equals(wanted: str | None, text: str) -> bool:
        return wanted is None or wanted.lower() == text.lower()

    return (
        says(request.name, view.name)
        and says(request.keyword, view.name, view.description, view.value)
        and equals(request.group, view.group)
        and equals(request.subgroup, view.subgroup)
        and equals(request.category, view.category)
        and request.parent is None
    )


def _by(caller: Caller) -> About:
    return About(account_id=caller.account.id, domain_id=caller.domain.id, user_id=caller.user.id)


COMMANDS = (list_configurations, update, reset, list_groups)
