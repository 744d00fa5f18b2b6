"""deployVirtualMachine understands what CloudStack's clients say: networks with addresses, offerings of disks, names of keys and groups."""

from __future__ import annotations

from mainstay_controller.domain.ids import AccountId, DomainId, TemplateId
from mainstay_controller.domain.records import Template
from mainstay_controller.operations.beginning.first_admin import ADMIN_ACCOUNT_ID, ROOT_DOMAIN_ID
from tests.controller.api.test_people import a_domain, a_member
from tests.controller.api.test_places import a_zone
from tests.kit.api import Answered, ApiClient, an_api
from tests.kit.virtual_time import BEGINNING


async def the_ground(api: ApiClient) -> dict[str, str]:
    """What every deployment names."""
    zone = await a_zone(api)
    await api.post("updateZone", id=zone, allocationstate="Enabled")
    await api.cloud.store.templates.add(
        Template(
            id=TemplateId("tiny"),
            name="tiny",
            display_text="tiny",
            created=BEGINNING,
            account_id=AccountId(ADMIN_ACCOUNT_ID),
            domain_id=DomainId(ROOT_DOMAIN_ID),
            url="file:///images/tiny.qcow2",
            size_bytes=1 << 30,
            is_ready=True,
        )
    )
    offerings = (await api.call("listServiceOfferings", name="Small Instance")).body["serviceoffering"]
    return {"zoneid": zone, "templateid": "tiny", "serviceofferingid": offerings[0]["id"], "startvm": "false"}


async def a_network(api: ApiClient, zone: str, name: str) -> str:
    [offering] = (await api.call("listNetworkOfferings", name="DefaultIsolatedNetworkOffering")).body["networkoffering"]
    made = await api.post("createNetwork", name=name, zoneid=zone, networkofferingid=offering["id"])
    network_id: str = made.body["network"]["id"]
    return network_id


async def a_disk_offering(api: ApiClient, name: str) -> str:
    [offering] = (await api.call("listDiskOfferings", name=name)).body["diskoffering"]
    offering_id: str = offering["id"]
    return offering_id


def complaint(answer: Answered) -> tuple[int, str]:
    return answer.status, answer.body["errortext"].split(":")[0]


async def test_networks_come_with_their_addresses() -> None:
    async with an_api() as api:
        ground = await the_ground(api)
        first, second = [await a_network(api, ground["zoneid"], name) for name in ("front", "back")]

        wish = {
            "iptonetworklist[0].networkid": first,
            "iptonetworklist[0].ip": "10.1.1.77",
            "iptonetworklist[1].networkid": second,
        }
        deployed = await api.post("deployVirtualMachine", **ground, **wish)
        [vm] = (await api.call("listVirtualMachines", id=deployed.body["id"])).body["virtualmachine"]

    assert [nic["networkid"] for nic in vm["nic"]] == [first, second]
    assert vm["nic"][0]["ipaddress"] == "10.1.1.77"
    assert vm["nic"][1]["ipaddress"]


async def test_a_network_of_somebody_else_is_not_reached_through_the_list() -> None:
    async with an_api() as api:
        ground = await the_ground(api)
        network = await a_network(api, ground["zoneid"], "root's own")
        ann = await a_member(api, "ann", await a_domain(api, "sales"))
        await api.post("updateTemplatePermissions", id="tiny", ispublic="true")

        refused = await ann.api.post("deployVirtualMachine", **ground, **{"iptonetworklist[0].networkid": network})
        unknown = await ann.api.post("deployVirtualMachine", **ground, **{"iptonetworklist[0].networkid": "4711"})

    assert refused.status == 531
    assert complaint(unknown) == (431, "Invalid parameter iptonetworklist")


async def test_a_data_disk_has_the_size_of_its_offering() -> None:
    async with an_api() as api:
        ground = await the_ground(api)
        small, custom = await a_disk_offering(api, "Small"), await a_disk_offering(api, "Custom")

        deployed = await api.post("deployVirtualMachine", **ground, diskofferingid=small)
        vague = await api.post("deployVirtualMachine", **ground, diskofferingid=custom)
        [data] = (
            await api.call("listVolumes", virtualmachineid=deployed.body["id"], type="DATADISK", listall="true")
        ).body["volume"]

    assert (data["size"], data["diskofferingid"]) == (5 << 30, small)
    assert complaint(vague) == (431, "Invalid parameter size")


async def test_keys_and_groups_are_named() -> None:
    async with an_api() as api:
        ground = await the_ground(api)
        for name in ("laptop", "desk"):
            await api.post("createSSHKeyPair", name=name)
        await api.post("createAffinityGroup", name="apart", type="host anti-affinity")

        deployed = await api.post("deployVirtualMachine", **ground, keypairs="laptop,desk", affinitygroupnames="apart")
        [vm] = (await api.call("listVirtualMachines", id=deployed.body["id"])).body["virtualmachine"]
        by_key = [
            (await api.call("listVirtualMachines", keypair=name)).body.get("count", 0)
            for name in ("desk", "top", "lap")
        ]
        no_key = await api.post("deployVirtualMachine", **ground, keypair="lost")
        no_group = await api.post("deployVirtualMachine", **ground, affinitygroupnames="lost")

    assert (vm["keypairs"], [group["name"] for group in vm["affinitygroup"]]) == ("laptop,desk", ["apart"])
    assert by_key == [1, 0, 0]
    assert complaint(no_key) == (431, "Invalid parameter keypair")
    assert complaint(no_group) == (431, "Invalid parameter affinitygroupnames")
