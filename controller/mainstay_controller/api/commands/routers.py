"""What runs for a network beside its guests.  No routers run yet, and no addresses are mapped one to one: clients ask after every list of VMs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import EVERYBODY, Caller
from mainstay_controller.api.answers import Rows, rows_of
from mainstay_controller.api.listing import ScopedListing
from mainstay_controller.api.registry import command
from mainstay_controller.domain.ids import HostId, IpAddressId, NetworkId, VmId, ZoneId
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterView:
    wire_key: ClassVar[str] = "router"

    id: str
    name: str
    state: str
    zone_id: str
    host_id: str | None
    public_ip: str | None
    guest_network_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IpForwardingRuleView:
    wire_key: ClassVar[str] = "ipforwardingrule"

    id: str
    protocol: str
    start_port: int
    end_port: int
    ip_address: str
    virtual_machine_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRouters(ScopedListing):
    host_id: Annotated[HostId | None, "only routers on this host"] = None
    network_id: Annotated[NetworkId | None, "only routers of this network"] = None
    zone_id: Annotated[ZoneId | None, "only routers of this zone"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListIpForwardingRules(ScopedListing):
    ip_address_id: Annotated[IpAddressId | None, "only rules of this public address"] = None
    virtual_machine_id: Annotated[VmId | None, "only rules that lead to this VM"] = None


@command("listRouters", roles=EVERYBODY)
async def list_routers(_request: ListRouters, _caller: Caller, _cloud: Cloud) -> Rows[RouterView]:
    """Lists the routers of isolated networks; none run yet."""
    return rows_of([])


@command("listIpForwardingRules", roles=EVERYBODY)
async def list_ip_forwarding_rules(
    _request: ListIpForwardingRules, _caller: Caller, _cloud: Cloud
) -> Rows[IpForwardingRuleView]:
    """Lists the rules of addresses that are mapped to one VM as a whole; there are none yet."""
    return rows_of([])


COMMANDS = (list_routers, list_ip_forwarding_rules)
