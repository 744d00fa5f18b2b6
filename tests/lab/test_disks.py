"""A disk that is given to a guest while it runs stays with it, wherever it runs, until it has let go of it."""

from __future__ import annotations

import pytest

from mainstay_cli.client import text
from mainstay_cli.lab.cloud import Guest, LabCloud
from mainstay_cli.lab.host import LabHost
from mainstay_cli.lab.waiting import until
from tests.lab.sights import DEADLINE_SECONDS, boots_again, deployed, runs, writes

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]


async def says(guest: Guest, host: LabHost, words: str) -> None:
    """On its console there."""

    async def has_said() -> bool:
        return words in await host.run(["cat", f"/var/log/libvirt/qemu/{guest.id}.console"])

    await until(has_said, f"{guest.name} says {words!r} on {host.name}", DEADLINE_SECONDS)


async def disks_of(guest: Guest, host: LabHost) -> str:
    return await host.run(["virsh", "domblklist", guest.id])


async def test_a_disk_given_to_a_guest_that_runs_goes_with_it_and_comes_back(cloud: LabCloud) -> None:
    first, second, *_ = cloud.lab.hosts
    [(guest, before)] = await deployed(cloud.deploy("given", on=first))
    asked = {"name": "data", "zoneid": cloud.ids.zone, "size": "1"}
    volume_id = text(await cloud.client.call("createVolume", asked), "id")

    await cloud.finished("attachVolume", {"id": volume_id, "virtualmachineid": guest.id})
    await says(guest, first, "[vdb] 2097152 512-byte logical blocks")
    await cloud.finished("resizeVolume", {"id": volume_id, "size": "2"})
    await says(guest, first, "[vdb] new size: 4194304 512-byte logical blocks")
    await cloud.finished(
        "migrateVirtualMachine", {"virtualmachineid": guest.id, "hostid": cloud.ids.hosts[second.name]}
    )
    moved = await disks_of(guest, second)
    await writes(guest, after=before)
    await second.switch_off("with a guest that has one more disk")
    await boots_again(guest, after=before)
    await runs(cloud, guest, not_on=second)
    there = await cloud.host_of(guest)
    await says(guest, there, "disk vdb 4194304")
    await cloud.finished("detachVolume", {"id": volume_id})

    path = f"/srv/primary/{volume_id}.qcow2"
    assert path in moved
    assert path not in await disks_of(guest, there)
    assert "virtual size: 2 GiB" in await there.run(["qemu-img", "info", path])
    await cloud.client.call("deleteVolume", {"id": volume_id})
