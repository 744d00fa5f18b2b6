"""Consoles: where a guest's screen is to be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import USERS, Caller
from mainstay_controller.api.registry import command
from mainstay_controller.domain.ids import VmId
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleEndpointView:
    wire_key: ClassVar[str] = "consoleendpoint"

    success: bool
    details: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateConsoleEndpoint:
    virtual_machine_id: Annotated[VmId, "the ID of the virtual machine"]
    token: Annotated[str, "an extra token that the viewer will have to show"] = ""


@command("createConsoleEndpoint", roles=USERS)
async def create(request: CreateConsoleEndpoint, _caller: Caller, cloud: Cloud) -> ConsoleEndpointView:
    """Tells where the console of a virtual machine is; no console proxies are served yet, so it tells why there is none."""
    vm = await cloud.store.vms.by_id(request.virtual_machine_id)
    if vm.state is not VmState.RUNNING:
        return ConsoleEndpointView(success=False, details=f"VM {vm.name} is {vm.state}: it has no console")
    zone = await cloud.store.zones.by_id(vm.zone_id)
    return ConsoleEndpointView(success=False, details=f"No console proxy runs in zone {zone.name}")


COMMANDS = (create,)
