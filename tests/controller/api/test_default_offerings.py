"""An empty cloud has the offerings that clients look for by name."""

from __future__ import annotations

from tests.kit.api import an_api


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
