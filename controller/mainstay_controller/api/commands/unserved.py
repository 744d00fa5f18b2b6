"""Things that this cloud does not have, for clients that ask for them on their way: each list is truthfully empty.

Commands that would make such things are not offered: an unknown command is answered 432."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import EVERYBODY, Caller
from mainstay_controller.api.answers import Rows, rows_of
from mainstay_controller.api.listing import ScopedListing
from mainstay_controller.api.registry import command
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingView:
    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotView(ThingView):
    wire_key: ClassVar[str] = "snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class VmSnapshotView(ThingView):
    wire_key: ClassVar[str] = "vmSnapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class LdapConfigurationView:
    wire_key: ClassVar[str] = "LdapConfiguration"

    hostname: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudianView:
    wire_key: ClassVar[str] = "cloudianisenabled"

    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NoWishes:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ListThings(ScopedListing):
    id: Annotated[str | None, "the ID"] = None
    name: Annotated[str | None, "the name"] = None


@command("listSnapshots", roles=EVERYBODY)
async def list_snapshots(_request: ListThings, _caller: Caller, _cloud: Cloud) -> Rows[SnapshotView]:
    """Lists snapshots of volumes; none are made yet."""
    return rows_of([])


@command("listVMSnapshot", roles=EVERYBODY)
async def list_vm_snapshots(_request: ListThings, _caller: Caller, _cloud: Cloud) -> Rows[VmSnapshotView]:
    """Lists snapshots of virtual machines; none are made yet."""
    return rows_of([])


@command("listLdapConfigurations", roles=EVERYBODY, envelope="ldapconfigurationresponse")
async def list_ldap_configurations(_request: ListThings, _caller: Caller, _cloud: Cloud) -> Rows[LdapConfigurationView]:
    """Lists directories that users are looked up in; there are none.  CloudStack's web UI lets nobody in without an answer."""
    return rows_of([])


@command("cloudianIsEnabled", roles=EVERYBODY)
async def cloudian_is_enabled(_request: NoWishes, _caller: Caller, _cloud: Cloud) -> CloudianView:
    """Tells that there is no Cloudian connector, which CloudStack's web UI asks when somebody logs in."""
    return CloudianView(enabled=False)


COMMANDS = (list_snapshots, list_vm_snapshots, list_ldap_configurations, cloudian_is_enabled)
