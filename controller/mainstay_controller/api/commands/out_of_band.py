"""Out-of-band management: power controllers of hosts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from mainstay_controller.api.access import ROOT, Caller
from mainstay_controller.api.answers import Accepted, Success, accepted
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.one_place import OneCluster, OneHost, OneZone
from mainstay_controller.api.parameters import Between
from mainstay_controller.api.registry import command, job_of
from mainstay_controller.api.views import out_of_band as views
from mainstay_controller.domain.ids import HostId
from mainstay_controller.fleet.power.port import PowerAction
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.hosts import out_of_band
from mainstay_controller.store.port import eq


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureOutOfBandManagement:
    host_id: Annotated[HostId, "the ID of the host"]
    driver: Annotated[str, "the driver: ipmitool or redfish"]
    address: Annotated[str, "the address of the power controller"]
    port: Annotated[int, "the port of the power controller", Between(1, 65535)]
    username: Annotated[str, "the user name for the power controller"]
    password: Annotated[str, "the password for the power controller"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuePowerAction:
    host_id: Annotated[HostId, "the ID of the host"]
    action: Annotated[PowerAction, "ON, OFF, CYCLE, RESET, SOFT or STATUS"]


@command("configureOutOfBandManagement", roles=ROOT)
async def configure(request: ConfigureOutOfBandManagement, _caller: Caller, cloud: Cloud) -> views.OutOfBandView:
    """Says where the power controller of a host is, and switches its use on."""
    place = out_of_band.PowerPlace(
        driver=request.driver,
        address=request.address,
        port=request.port,
        username=request.username,
        password=request.password,
    )
    shown = views.out_of_band(await out_of_band.configure(request.host_id, place, cloud))
    return replace(shown, status=True)


@instant_job("enableOutOfBandManagementForHost", roles=ROOT)
async def enable(request: OneHost, _caller: Caller, cloud: Cloud) -> views.OutOfBandView:
    """Switches the use of a host's power controller on."""
    return replace(views.out_of_band(await out_of_band.set_enabled(request.host_id, True, cloud)), status=True)


@instant_job("disableOutOfBandManagementForHost", roles=ROOT)
async def disable(request: OneHost, _caller: Caller, cloud: Cloud) -> views.OutOfBandView:
    """Switches the use of a host's power controller off."""
    return replace(views.out_of_band(await out_of_band.set_enabled(request.host_id, False, cloud)), status=True)


@instant_job("enableOutOfBandManagementForCluster", roles=ROOT)
async def enable_in_cluster(request: OneCluster, _caller: Caller, cloud: Cloud) -> Success:
    """Switches the use of all power controllers in a cluster on."""
    await out_of_band.set_enabled_in(eq("cluster_id", request.cluster_id), True, cloud)
    return Success()


@instant_job("disableOutOfBandManagementForCluster", roles=ROOT)
async def disable_in_cluster(request: OneCluster, _caller: Caller, cloud: Cloud) -> Success:
    """Switches the use of all power controllers in a cluster off."""
    await out_of_band.set_enabled_in(eq("cluster_id", request.cluster_id), False, cloud)
    return Success()


@instant_job("enableOutOfBandManagementForZone", roles=ROOT)
async def enable_in_zone(request: OneZone, _caller: Caller, cloud: Cloud) -> Success:
    """Switches the use of all power controllers in a zone on."""
    await out_of_band.set_enabled_in(eq("zone_id", request.zone_id), True, cloud)
    return Success()


@instant_job("disableOutOfBandManagementForZone", roles=ROOT)
async def disable_in_zone(request: OneZone, _caller: Caller, cloud: Cloud) -> Success:
    """Switches the use of all power controllers in a zone off."""
    await out_of_band.set_enabled_in(eq("zone_id", request.zone_id), False, cloud)
    return Success()


@command("issueOutOfBandManagementPowerAction", roles=ROOT, job=job_of(out_of_band.work, views.power_controllers))
async def issue_power_action(request: IssuePowerAction, caller: Caller, cloud: Cloud) -> Accepted:
    """Gives an order to the power controller of a host, and reads its status afterwards."""
    return accepted(await out_of_band.begin(request.host_id, request.action, caller.asker, cloud))


COMMANDS = (
    configure,
    enable,
    disable,
    enable_in_cluster,
    disable_in_cluster,
    enable_in_zone,
    disable_in_zone,
    issue_power_action,
)
