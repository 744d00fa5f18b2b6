"""What lists have in common: rows chosen by tags and by what they are joined to, and rows that say which job works on them."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import AffinityGroupId, IpAddressId, NetworkId, VmId, VolumeId, ZoneId
from mainstay_controller.domain.records import IpAddress, Volume
from tests.controller.api.test_hosts_isos_and_system_vms import a_vm
from tests.controller.api.test_places import a_zone
from tests.kit.api import ApiClient, an_api
from tests.kit.virtual_time import BEGINNING


async def vms(api: ApiClient, *names: str) -> str:
    """Stopped ones; the zone's id."""
    zone = await a_zone(api)
    for name in names:
        await api.cloud.store.vms.add(replace(a_vm("User", zone), id=VmId(name), name=name))
    return zone


async def found(api: ApiClient, **filters: str) -> list[str]:
    listed = await api.call("listVirtualMachines", **filters)
    return sorted(each["name"] for each in listed.body.get("virtualmachine", []))


async def test_tags_choose_by_key_and_by_value() -> None:
    async with an_api() as api:
        await vms(api, "red", "blue", "plain")
        for name in ("red", "blue"):
            tag = {"tags[0].key": "colour", "tags[0].value": name}
            await api.post("createTags", resourceids=name, resourcetype="UserVm", **tag)

        by_value = await found(api, **{"tags[0].key": "colour", "tags[0].value": "red"})
        by_key = await found(api, **{"tags[0].key": "colour"})
        by_both = await found(api, **{"tags[0].key": "colour", "tags[1].key": "size"})
        without_key = await api.call("listVirtualMachines", **{"tags[0].value": "red"})

    assert (by_value, by_key, by_both) == (["red"], ["blue", "red"], [])
    assert (without_key.status, "tags" in without_key.body["errortext"]) == (431, True)


async def test_machines_are_found_by_network_storage_and_group() -> None:
    async with an_api() as api:
        zone, store = await vms(api, "web", "other"), api.cloud.store
        web = await store.vms.by_id("web")
        offering = (await api.call("listNetworkOfferings", name="DefaultIsolatedNetworkOffering")).body[
            "networkoffering"
        ][0]["id"]
        network = (await api.post("createNetwork", name="n", zoneid=zone, networkofferingid=offering)).body["network"]
        group = (await api.post("createAffinityGroup", name="g", type="host anti-affinity")).body["id"]
        address = IpAddress(
            id=IpAddressId("a"),
            space="n",
            address="10.1.1.2",
            zone_id=ZoneId(zone),
            network_id=NetworkId(network["id"]),
            vm_id=web.id,
            account_id=web.account_id,
            domain_id=web.domain_id,
            created=BEGINNING,
        )
        await store.ip_addresses.add(address)
        await store.vms.swap(web, replace(web, affinity_group_ids=(AffinityGroupId(group),)))

        assert await found(api, networkid=network["id"]) == ["web"]
        assert await found(api, affinitygroupid=group) == ["web"]
        assert await found(api) == ["other", "web"]


async def test_a_row_says_which_job_works_on_it() -> None:
    async with an_api() as api:
        await vms(api, "web", "idle")
        job = (await api.post("startVirtualMachine", id="web")).body["jobid"]

        listed = (await api.call("listVirtualMachines")).body["virtualmachine"]

    assert {each["name"]: (each.get("jobid"), each.get("jobstatus")) for each in listed} == {
        "web": (job, 0),
        "idle": (None, None),
    }


async def test_a_disk_that_is_being_deleted_says_so() -> None:
    async with an_api() as api:
        zone = await a_zone(api)
        owner = a_vm("User", zone)
        disk = Volume(
            id=VolumeId("disk"),
            name="disk",
            zone_id=ZoneId(zone),
            created=BEGINNING,
            account_id=owner.account_id,
            domain_id=owner.domain_id,
            type="DATADISK",
        )
        await api.cloud.store.volumes.add(disk)
        job = (await api.post("deleteVolume", id="disk")).body["jobid"]

        [row] = (await api.call("listVolumes")).body["volume"]

    assert (row["jobid"], row["jobstatus"]) == (job, 0)
