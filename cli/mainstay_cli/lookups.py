"""Things by the name people call them."""

from __future__ import annotations

from mainstay_cli.client import Client, Row, text
from mainstay_runtime.errors import BadInput


async def vm_called(name: str, client: Client) -> Row:
    """By name, display name or id.  Raises BadInput."""
    for vm in await client.rows("listVirtualMachines", {"listall": "true", "keyword": name}):
        if name in (text(vm, "name"), text(vm, "displayname"), text(vm, "instancename")):
            return vm
    vms = [
        vm for vm in await client.rows("listVirtualMachines", {"listall": "true"}) if text(vm, "id").startswith(name)
    ]
    if len(vms) != 1:
        raise BadInput(
            f"there is no virtual machine {name}" if not vms else f"{name} begins the id of {len(vms)} machines"
        )
    return vms[0]
