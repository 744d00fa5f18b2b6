"""An empty cloud has the offerings that clients look for by name."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.operations.beginning.default_offerings import complete_default_offerings
from mainstay_controller.operations.beginning.first_admin import create_first_admin
from mainstay_controller.store.port import LIVE, eq
from tests.kit.api import a_cloud, an_api, hashed_cheaply


async def test_an_empty_cloud_offers_services_disks_and_networks() -> None:
    async with an_api() as api:
        services = await api.call("listServiceOfferings")
        disks = await api.call("listDiskOfferings")
        isolated = await api.call("listNetworkOfferings", name="DefaultIsolatedNetworkOfferingWithSourceNatService")

    assert {each["name"] for each in services.body["serviceoffering"]} == {"Small Instance", "Medium Instance"}
    assert {each["name"] for each in disks.body["diskoffering"]} == {"Small", "Medium", "Large", "Custom"}
    assert [each["state"] for each in isolated.body["networkoffering"]] == ["Enabled"]


async def test_a_network_can_be_made_from_a_default_offering() -> None:
    async with an_api() as api:
        zone = (
            await api.post("createZone", name="z", dns1="192.0.2.1", internaldns1="192.0.2.2", networktype="Advanced")
        ).body["zone"]["id"]
        [offering] = (await api.call("listNetworkOfferings", name="DefaultIsolatedNetworkOffering")).body[
            "networkoffering"
        ]
        made = await api.post("createNetwork", name="n", zoneid=zone, networkofferingid=offering["id"])

    assert made.body["network"]["type"] == "Isolated"


async def test_a_cloud_of_an_older_release_is_completed_and_what_its_operator_changed_stays() -> None:
    cloud = a_cloud()
    await create_first_admin(cloud, hashed_cheaply)
    store = cloud.store
    small, medium = await store.service_offerings.find(order_by="memory_mib")
    large, *_ = await store.disk_offerings.find(eq("name", "Large"))
    await store.service_offerings.swap(small, replace(small, name="tiny"))
    await store.service_offerings.swap(medium, replace(medium, removed=medium.created))
    await store.disk_offerings.remove(large.id)

    for _ in range(2):
        await complete_default_offerings(store)

    assert {each.name for each in await store.service_offerings.find(LIVE)} == {"tiny"}
    assert sorted(each.name for each in await store.disk_offerings.find()) == ["Custom", "Large", "Medium", "Small"]
