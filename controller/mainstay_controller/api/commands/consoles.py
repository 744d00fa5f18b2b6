"""Consoles: where a guest's screen is to be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import urlparse

from mainstay_controller.api.access import USERS, Caller
from mainstay_controller.api.console_door import WEBSOCKET, page_url
from mainstay_controller.api.registry import command
from mainstay_controller.domain.ids import VmId
from mainstay_controller.domain.records import Vm
from mainstay_controller.operations.addresses_told import base_url
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.vms.show_console import offer, why_not

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebsocketView:
    """For viewers of their own; all that noVNC needs is in the address of its page."""

    token: str
    host: str
    port: str
    path: str
    extra: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleEndpointView:
    wire_key: ClassVar[str] = "consoleendpoint"

    success: bool
    details: str | None = None
    url: str | None = None
    websocket: WebsocketView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateConsoleEndpoint:
    virtual_machine_id: Annotated[VmId, "the ID of the virtual machine"]
    token: Annotated[str, "an extra token that the viewer will have to show"] = ""


@command("createConsoleEndpoint", roles=USERS)
async def create(request: CreateConsoleEndpoint, caller: Caller, cloud: Cloud) -> ConsoleEndpointView:
    """Tells where the console of a virtual machine is to be seen: once, and within two minutes."""
    vm = await cloud.store.vms.by_id(request.virtual_machine_id)
    reason = "Permission denied" if _is_kept_from(caller, vm) else why_not(vm, cloud)
    if reason is not None:
        return ConsoleEndpointView(success=False, details=reason)
    word = await offer(vm, caller.user.id, request.token, cloud)
    base = base_url(caller.origin, cloud)
    return ConsoleEndpointView(
        success=True, url=page_url(base, word, request.token), websocket=_websocket(base, word, request.token)
    )


def _is_kept_from(caller: Caller, vm: Vm) -> bool:
    """Machines that serve the cloud itself are shown to root alone."""
    return vm.type != "User" and not caller.sees_everything


def _websocket(base: str, word: str, extra: str) -> WebsocketView:
    address = urlparse(base)
    return WebsocketView(
        token=word,
        host=address.hostname or "",
        port=str(address.port or PORTS.get(address.scheme, 80)),
        path=WEBSOCKET.removeprefix("/"),
        extra=extra or None,
    )


COMMANDS = (create,)
