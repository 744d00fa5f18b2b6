"""A guest reads what its user told it on every host that it comes to, and nobody else on the host does."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

import pytest

from mainstay_cli.client import nested, text
from mainstay_cli.lab.cloud import Guest, LabCloud
from mainstay_cli.lab.host import LabHost
from mainstay_cli.lab.processes import CommandFailed
from mainstay_cli.lab.tapes import make_tape
from tests.lab.sights import boots_again, deployed, runs, writes

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]

SCRIPT = b"#!/bin/sh\necho hello\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZha2Vma2VmYWtlZmFrZWZha2VmYWtlZmFrZWZha2Vm ann"
SAID = re.compile(r"^drive (\S+) (\S*)\r?$", re.MULTILINE)


def drive_of(guest: Guest) -> str:
    return f"/run/mainstay-drives/{guest.id}.iso"


async def has_read(guest: Guest, host: LabHost) -> dict[str, bytes]:
    """What it said of its config drive when it booted there."""
    console = await host.run(["cat", f"/var/log/libvirt/qemu/{guest.id}.console"])
    return {name: b64decode(content) for name, content in SAID.findall(console)}


async def is_there(path: str, host: LabHost) -> bool:
    try:
        return bool(await host.run(["stat", path]))
    except CommandFailed:
        return False


async def test_a_guest_reads_its_drive_wherever_it_runs(cloud: LabCloud) -> None:
    first, second, *_ = cloud.lab.hosts
    await cloud.client.call("registerSSHKeyPair", {"name": "laptop", "publickey": KEY})
    await cloud.client.call("updateTemplate", {"id": cloud.ids.template, "passwordenabled": "true"})
    data = b64encode(SCRIPT).decode()
    [(guest, before)] = await deployed(cloud.deploy("told", on=first, userdata=data, keypair="laptop"))
    await cloud.client.call("updateTemplate", {"id": cloud.ids.template, "passwordenabled": "false"})

    at_first = await has_read(guest, first)
    mode = await first.run(["stat", "--format=%a", drive_of(guest)])
    await cloud.finished(
        "migrateVirtualMachine", {"virtualmachineid": guest.id, "hostid": cloud.ids.hosts[second.name]}
    )
    moved = (await is_there(drive_of(guest), first), await is_there(drive_of(guest), second))
    await writes(guest, after=before)
    await second.switch_off("with a guest that must read its drive again")
    await boots_again(guest, after=before)
    await runs(cloud, guest, not_on=second)
    again = await has_read(guest, await cloud.host_of(guest))

    assert at_first["openstack/latest/user_data"] == SCRIPT
    assert at_first["cloudstack/metadata/public-keys.txt"].decode() == KEY
    assert len(at_first["cloudstack/password/vm_password.txt"]) > 0
    assert (mode.strip(), moved) == ("600", (False, True))
    assert again == at_first


async def test_a_drive_goes_with_its_guest(cloud: LabCloud) -> None:
    host = cloud.lab.host(1)
    [(guest, _)] = await deployed(cloud.deploy("gone", on=host, userdata=b64encode(SCRIPT).decode()))

    await cloud.remove(guest)

    assert not await is_there(drive_of(guest), host)


async def test_an_iso_is_put_into_a_guest_that_runs(cloud: LabCloud) -> None:
    host = cloud.lab.host(1)
    [(guest, before)] = await deployed(cloud.deploy("reader", on=host))
    iso = {"name": "rescue", "displaytext": "rescue", "url": "file:///srv/primary/rescue.iso", "hypervisor": "KVM"}
    make_tape(cloud.lab.tape("rescue.iso"))
    registered = await cloud.client.call("registerIso", iso | {"zoneid": cloud.ids.zone})
    iso_id = text(nested(registered, "iso")[0], "id")

    await cloud.finished("attachIso", {"id": iso_id, "virtualmachineid": guest.id})
    within = await media_of(guest, host)
    await cloud.kill(guest)
    await boots_again(guest, after=before)
    still = await media_of(guest, host)
    await cloud.finished("detachIso", {"virtualmachineid": guest.id})

    assert (within, still) == ("/srv/primary/rescue.iso", "/srv/primary/rescue.iso")
    assert await media_of(guest, host) == "-"
    await cloud.finished("deleteIso", {"id": iso_id})


async def media_of(guest: Guest, host: LabHost) -> str:
    listed = await host.run(["virsh", "domblklist", guest.id])
    return next(line.split()[1] for line in listed.splitlines() if line.split()[:1] == ["sda"])
