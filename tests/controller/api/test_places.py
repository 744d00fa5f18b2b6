"""A cloud is built from its zone down, and what is wrong with a request is told by field and reason."""

from __future__ import annotations

from pathlib import Path
from shutil import disk_usage

from mainstay_controller.operations.capacity.watch_capacity import watch_capacity
from tests.kit.api import ApiClient, an_api

ZONE = {"name": "z1", "dns1": "192.0.2.1", "internaldns1": "192.0.2.2", "networktype": "Advanced"}


async def a_zone(api: ApiClient) -> str:
    zone_id: str = (await api.call("createZone", **ZONE)).body["zone"]["id"]
    return zone_id


async def test_a_zone_is_made_disabled_and_listed() -> None:
    async with an_api() as api:
        made = await api.post("createZone", **ZONE)
        listed = await api.call("listZones", name="z1")

    zone = made.body["zone"]
    assert (made.status, zone["allocationstate"]) == (200, "Disabled")
    assert listed.json == {"listzonesresponse": {"count": 1, "zone": [zone]}}


async def test_pods_clusters_and_offerings_follow() -> None:
    async with an_api() as api:
        zone = await a_zone(api)
        pod = (
            await api.call(
                "createPod", zoneid=zone, name="p1", gateway="192.0.2.1", netmask="255.255.255.0", startip="192.0.2.10"
            )
        ).body["pod"]
        added = await api.call("addCluster", zoneid=zone, podid=pod["id"], clustername="c1", hypervisor="simulator")
        offering = await api.call(
            "createServiceOffering",
            name="small",
            cpunumber="1",
            cpuspeed="500",
            memory="256",
            offerha="true",
            hosttags="a,b",
        )

    assert (pod["startip"], pod["endip"]) == (["192.0.2.10"], ["192.0.2.10"])
    assert added.body["count"] == 1
    assert added.body["cluster"][0] | {"id": ""} == {
        "id": "",
        "name": "c1",
        "zoneid": zone,
        "zonename": "z1",
        "podid": pod["id"],
        "podname": "p1",
        "hypervisortype": "Simulator",
        "clustertype": "CloudManaged",
        "allocationstate": "Enabled",
        "managedstate": "Managed",
        "cpuovercommitratio": "1.0",
        "memoryovercommitratio": "1.0",
        "fencepolicy": "keep",
        "leaseprofile": "standard",
        "resourcedetails": {},
    }
    assert offering.body["serviceoffering"]["hosttags"] == "a,b"
    assert offering.body["serviceoffering"]["offerha"] is True


async def test_what_is_wrong_is_told_by_field_and_reason() -> None:
    async with an_api() as api:
        missing = await api.call("createZone", name="z1")
        blank = await api.call("createZone", **ZONE | {"name": " "})
        markup = await api.call("createZone", **ZONE | {"name": "<b>z</b>"})
        number = await api.call("createServiceOffering", name="s", cpunumber="two", cpuspeed="1", memory="1")
        choice = await api.call("createZone", **ZONE, allocationstate="Maybe")
        truth = await api.call("createZone", **ZONE, localstorageenabled="perhaps")

    assert [answer.status for answer in (missing, blank, markup, number, choice, truth)] == [431] * 6
    assert missing.body["errortext"] == "Unable to execute API command createZone due to missing parameter dns1"
    assert blank.body["errortext"] == "Unable to execute API command createZone due to missing parameter name"
    assert markup.body["errortext"].startswith("Invalid parameter name: it contains <")
    assert "invalid value two for parameter cpunumber: it must be a whole number" in number.body["errortext"]
    assert "parameter allocationstate: it must be one of Enabled, Disabled" in choice.body["errortext"]
    assert "parameter localstorageenabled: it must be true or false" in truth.body["errortext"]


async def test_a_second_zone_of_that_name_is_refused_and_nothing_is_made() -> None:
    async with an_api() as api:
        await a_zone(api)
        again = await api.call("createZone", **ZONE)
        listed = await api.call("listZones")

    assert again.status == 431
    assert again.body["errortext"] == "Invalid parameter name: a zone z1 exists"
    assert listed.body["count"] == 1


async def test_a_list_counts_all_pages() -> None:
    async with an_api() as api:
        for number in range(5):
            await api.call("createZone", **ZONE | {"name": f"z{number}"})
        second = await api.call("listZones", page="2", pagesize="2")
        beyond = await api.call("listZones", page="9", pagesize="2")
        found = await api.call("listZones", keyword="Z3")

    assert (second.body["count"], [zone["name"] for zone in second.body["zone"]]) == (5, ["z2", "z3"])
    assert beyond.body == {"count": 5}
    assert [zone["name"] for zone in found.body["zone"]] == ["z3"]


async def test_an_image_store_is_measured_where_it_is_mounted_and_counted_in_its_zone(tmp_path: Path) -> None:
    async with an_api() as api:
        zone = await a_zone(api)
        stores = {"mounted": f"file://{tmp_path}", "away": f"file://{tmp_path}/absent", "far": "nfs://server/images"}
        for name, url in stores.items():
            made = await api.post("addImageStore", zoneid=zone, name=name, provider="NFS", url=url)
            await api.post("updateImageStore", id=made.body["imagestore"]["id"], capacitybytes="10")

        await watch_capacity(api.cloud)

        listed = (await api.call("listImageStores")).body["imagestore"]
        [counted] = (await api.call("listCapacity", type="6", zoneid=zone)).body["capacity"]

    whole, sizes = disk_usage(tmp_path).total, {each["name"]: each["disksizetotal"] for each in listed}
    assert sizes == {"mounted": whole, "away": 10, "far": 10}
    assert (counted["name"], counted["capacitytotal"]) == ("SECONDARY_STORAGE", whole + 20)
    assert counted["capacityused"] == sum(each["disksizeused"] for each in listed) > 0
