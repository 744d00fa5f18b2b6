"""What lists have in common: rows chosen by tags and by what they are joined to, and rows that say which job works on them."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import (
    AffinityGroupId,
    IpAddressId,
    NetworkId,
    OfferingId,
    TemplateId,
    VmId,
    VolumeId,
    ZoneId,
)
from mainstay_controller.domain.records import IpAddress, Volume
from mainstay_controller.store.port import eq
from tests.controller.api.test_hosts_isos_and_system_vms import a_vm, an_iso
from tests.controller.api.test_people import PERSON
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


async def test_who_asks_for_what_nothing_has_is_not_shown_everything() -> None:
    async with an_api() as api:
        await vms(api, "web")

        by_vpc, by_backup = await found(api, vpcid="v"), await found(api, backupofferingid="b")
        leased, any_lease = await found(api, leased="true"), await found(api, leased="false")
        for_vpcs = await api.call("listNetworkOfferings", forvpc="true")
        for_others = await api.call("listNetworkOfferings", forvpc="false")

    assert (by_vpc, by_backup, leased, any_lease) == ([], [], [], ["web"])
    assert (for_vpcs.body, for_others.body["count"] > 0) == ({}, True)


async def test_offerings_of_other_zones_are_not_offered_in_this_one() -> None:
    async with an_api() as api:
        zone = await vms(api, "web")
        size = {"displaytext": "s", "cpunumber": "1", "cpuspeed": "500", "memory": "64"}
        here = (await api.post("createServiceOffering", name="here", **size, zoneid=zone)).body["serviceoffering"]
        await api.cloud.store.service_offerings.swap(
            offering := await api.cloud.store.service_offerings.by_id(here["id"]),
            replace(offering, zone_ids=("another",)),
        )
        disk = (await api.post("createDiskOffering", name="d", displaytext="d", disksize="1", zoneid=zone)).body
        web = await api.cloud.store.vms.by_id("web")
        await api.cloud.store.vms.swap(web, replace(web, service_offering_id=OfferingId(here["id"])))

        everywhere = await names_of(api, "listServiceOfferings", "serviceoffering")
        in_zone = await names_of(api, "listServiceOfferings", "serviceoffering", zoneid=zone)
        for_vm = await names_of(api, "listServiceOfferings", "serviceoffering", virtualmachineid="web")
        disks = await names_of(api, "listDiskOfferings", "diskoffering", zoneid=zone)

    assert everywhere - in_zone == everywhere - for_vm == {"here"}
    assert disk["diskoffering"]["name"] in disks


async def test_an_administrator_lists_the_templates_of_an_account_and_those_with_a_tag() -> None:
    async with an_api() as api:
        zone, store = await vms(api), api.cloud.store
        await api.post("createAccount", username="ann", accounttype="0", **PERSON)
        [ann] = await store.accounts.find(eq("name", "ann"))
        for name, account in (("hers", ann.id), ("mine", None)):
            image = replace(an_iso(zone), id=TemplateId(name), name=name, is_iso=False, is_public=False)
            await store.templates.add(replace(image, account_id=account or image.account_id))
        await api.post(
            "createTags", resourceids="mine", resourcetype="Template", **{"tags[0].key": "os", "tags[0].value": "linux"}
        )

        async def listed(**filters: str) -> set[str]:
            return await names_of(api, "listTemplates", "template", **filters)

        hers, own = await listed(templatefilter="self", account="ann"), await listed(templatefilter="self")
        tagged = await listed(templatefilter="all", **{"tags[0].key": "os"})

    assert (hers, own, tagged) == ({"hers"}, {"mine"}, {"mine"})


async def names_of(api: ApiClient, command: str, key: str, **filters: str) -> set[str]:
    listed = await api.call(command, **filters)
    return {each["name"] for each in listed.body.get(key, [])}


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
        await api.post("deleteVolume", id="disk")
        [job] = await api.cloud.store.jobs.find()

        [row] = (await api.call("listVolumes")).body["volume"]

    assert (row["jobid"], row["jobstatus"]) == (job.id, 0)
