"""Networks, addresses, disks, keys, groups and tags: made, listed, limited, and given back."""

from __future__ import annotations

from mainstay_controller.operations.beginning.first_admin import ROOT_DOMAIN_ID
from tests.controller.api.test_deployments import the_ground
from tests.controller.api.test_people import a_domain, a_member
from tests.controller.api.test_places import a_zone
from tests.kit.api import ApiClient, an_api

RANGE = {"gateway": "192.0.2.1", "netmask": "255.255.255.0", "startip": "192.0.2.10", "endip": "192.0.2.11"}


async def a_network(api: ApiClient, zone: str, **more: str) -> dict[str, str]:
    asked = {
        "name": f"kind-{more.get('name', 'n')}",
        "guestiptype": "Isolated",
        "traffictype": "Guest",
        "enable": "true",
    }
    offering = (await api.post("createNetworkOffering", **asked)).body["networkoffering"]["id"]
    made = await api.post("createNetwork", **{"name": "n", "zoneid": zone, "networkofferingid": offering, **more})
    network: dict[str, str] = made.body["network"]
    return network


async def test_a_physical_network_is_a_job_that_has_ended_when_it_is_told() -> None:
    async with an_api() as api:
        zone = await a_zone(api)
        made = await api.post("createPhysicalNetwork", zoneid=zone, name="p", vlan="100-102")
        job = await api.call("queryAsyncJobResult", jobId=made.body["jobid"])
        providers = await api.call("listNetworkServiceProviders", physicalnetworkid=made.body["id"])

    assert (job.body["jobstatus"], job.body["jobresultcode"]) == (1, 0)
    assert job.body["jobresult"]["physicalnetwork"]["id"] == made.body["id"]
    assert {each["state"] for each in providers.body["networkserviceprovider"]} == {"Disabled"}


async def test_public_addresses_are_given_once_and_run_out() -> None:
    async with an_api() as api:
        zone = await a_zone(api)
        await api.post("createVlanIpRange", zoneid=zone, **RANGE)
        taken = [await api.post("associateIpAddress", zoneid=zone) for _ in range(3)]
        listed = await api.call("listPublicIpAddresses")

        [public] = (await api.call("listCapacity", type="4")).body["capacity"]

    assert [answer.status for answer in taken] == [200, 200, 533]
    assert (public["name"], public["percentused"]) == ("VIRTUAL_NETWORK_PUBLIC_IP", "100.00")
    assert [each["ipaddress"] for each in listed.body["publicipaddress"]] == ["192.0.2.10", "192.0.2.11"]


async def test_an_overlapping_range_is_refused() -> None:
    async with an_api() as api:
        zone = await a_zone(api)
        await api.post("createVlanIpRange", zoneid=zone, **RANGE)
        again = await api.post("createVlanIpRange", zoneid=zone, **RANGE | {"startip": "192.0.2.11"})

    assert again.status == 431
    assert "overlaps the range 192.0.2.10 to 192.0.2.11" in again.body["errortext"]


async def test_a_disabled_offering_makes_no_network() -> None:
    async with an_api() as api:
        zone = await a_zone(api)
        asked = {"name": "off", "guestiptype": "Isolated", "traffictype": "Guest"}
        offering = (await api.post("createNetworkOffering", **asked)).body["networkoffering"]
        refused = await api.post("createNetwork", name="n", zoneid=zone, networkofferingid=offering["id"])

    assert refused.status == 431
    assert "is Disabled" in refused.body["errortext"]


async def test_a_network_for_a_domain_is_used_by_its_members_and_changed_by_its_owner_only() -> None:
    async with an_api() as api:
        zone, sales = await a_zone(api), await a_domain(api, "sales")
        ann = await a_member(api, "ann", sales)
        ben = await a_member(api, "ben", sales)
        network = await a_network(api, zone, acltype="Domain", account="ann", domainid=sales)

        listed = await ben.api.call("listNetworks", listall="true")
        renamed = await ben.api.post("updateNetwork", id=network["id"], displaytext="mine")
        deleted = await ann.api.post("deleteNetwork", id=network["id"])

    assert [each["id"] for each in listed.body["network"]] == [network["id"]]
    assert (renamed.status, deleted.status) == (531, 200)


async def test_a_limit_is_kept_and_says_what_is_had() -> None:
    async with an_api() as api:
        zone, sales = await a_zone(api), await a_domain(api, "sales")
        ann = await a_member(api, "ann", sales)
        await api.post("updateResourceLimit", resourcetype="2", max="1", account="ann", domainid=sales)

        first = await ann.api.post("createVolume", zoneid=zone, size="1")
        second = await ann.api.post("createVolume", zoneid=zone, size="1")

    assert (first.status, second.status) == (200, 535)
    assert "'volume' for account ann is 1: it has 1, and 1 more are asked for" in second.body["errortext"]


async def test_a_private_key_is_shown_once() -> None:
    async with an_api() as api:
        made = await api.post("createSSHKeyPair", name="k")
        listed = await api.call("listSSHKeyPairs")
        bad = await api.post("registerSSHKeyPair", name="b", publickey="ssh-rsa nonsense!")

    assert made.body["keypair"]["privatekey"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert "privatekey" not in listed.body["sshkeypair"][0]
    assert (bad.status, listed.body["count"]) == (431, 1)


async def test_tags_stand_beside_the_machine_and_not_on_what_belongs_to_others() -> None:
    async with an_api() as api:
        sales = await a_domain(api, "sales")
        ann, ben = await a_member(api, "ann", sales), await a_member(api, "ben", sales)
        vm_id = await ann.owns("web")
        words = {"tags[0].key": "role", "tags[0].value": "front"}

        tagged = await ann.api.post("createTags", resourceids=vm_id, resourcetype="UserVm", **words)
        refused = await ben.api.post("createTags", resourceids=vm_id, resourcetype="UserVm", **words)
        [vm] = (await ann.api.call("listVirtualMachines")).body["virtualmachine"]

    assert (tagged.status, refused.status) == (200, 531)
    assert [(tag["key"], tag["value"]) for tag in vm["tags"]] == [("role", "front")]


async def test_a_machine_that_would_pass_any_limit_leaves_nothing_behind() -> None:
    async with an_api() as api:
        ground = await the_ground(api)
        await api.post("updateTemplatePermissions", id="tiny", ispublic="true")
        ann = await a_member(api, "ann", await a_domain(api, "sales"))
        refused = []
        for kind in ("0", "2", "8", "9", "10"):
            limit = {"resourcetype": kind, "account": "ann", "domainid": ann.account["domainid"]}
            await api.post("updateResourceLimit", max="0", **limit)
            refused.append((await ann.api.post("deployVirtualMachine", **ground)).status)
            await api.post("updateResourceLimit", max="-1", **limit)
        left = [await api.cloud.store.vms.count(), await api.cloud.store.volumes.count()]
        made = await ann.api.post("deployVirtualMachine", **ground)

    assert (refused, left, made.status) == ([535] * 5, [0, 0], 200)


async def test_networks_projects_and_images_have_limits_too() -> None:
    async with an_api() as api:
        ground = await the_ground(api)
        for kind in ("4", "5", "6"):
            await api.post("updateResourceLimit", resourcetype=kind, max="0", account="admin", domainid=ROOT_DOMAIN_ID)
        image = {"name": "i", "displaytext": "i", "url": "file:///images/i.qcow2", "format": "QCOW2"}
        [offering] = (await api.call("listNetworkOfferings", name="DefaultIsolatedNetworkOffering")).body[
            "networkoffering"
        ]
        network = {"name": "n", "zoneid": ground["zoneid"], "networkofferingid": offering["id"]}

        answers = [
            await api.post("createNetwork", **network),
            await api.post("createProject", name="p", displaytext="p"),
            await api.post("registerTemplate", **image, hypervisor="KVM", ostypeid="", zoneid=ground["zoneid"]),
        ]

    assert [answer.status for answer in answers] == [535] * 3


async def test_a_vlan_is_named_where_it_must_be_given_once_and_runs_out() -> None:
    async with an_api() as api:
        zone = await a_zone(api)
        await api.post("createPhysicalNetwork", zoneid=zone, name="p", vlan="100-101")
        asked = {"guestiptype": "L2", "traffictype": "Guest", "enable": "true"}
        offerings = [
            (await api.post("createNetworkOffering", name=f"o{named}", specifyvlan=named, **asked)).body[
                "networkoffering"
            ]
            for named in ("true", "false")
        ]

        async def network(offering: int, **more: str) -> int:
            wanted = {"name": "n", "zoneid": zone, "networkofferingid": offerings[offering]["id"]}
            return (await api.post("createNetwork", **wanted, **more)).status

        named = [await network(0), await network(0, vlan="100"), await network(0, vlan="100")]
        given = [await network(1), await network(1)]

        capacity = {each["name"]: each for each in (await api.call("listCapacity")).body["capacity"]}

    assert (named, given) == ([431, 200, 431], [200, 533])
    assert (capacity["VLAN"]["capacityused"], capacity["VLAN"]["capacitytotal"]) == (2, 2)


async def test_images_are_registered_for_whom_they_are_meant() -> None:
    async with an_api() as api:
        ground = await the_ground(api)
        ann = await a_member(api, "ann", await a_domain(api, "sales"))
        hers = {"account": "ann", "domainid": ann.account["domainid"]}
        project = (await ann.api.post("createProject", name="web")).body["id"]
        await api.post("updateResourceLimit", resourcetype="4", max="0", **hers)
        image = {"name": "i", "displaytext": "i", "url": "file:///images/i.qcow2", "zoneid": ground["zoneid"]}
        of_template = {"format": "QCOW2", "hypervisor": "KVM", "ostypeid": ""}

        full = [
            await api.post("registerTemplate", **image, **of_template, **hers),
            await api.post("registerIso", **image, **hers),
        ]
        strangers = await ann.api.post("registerIso", **image, account="admin", domainid=ROOT_DOMAIN_ID)
        told = await api.post("registerTemplate", **image, **of_template, projectid=project)

    assert [answer.status for answer in full] == [535, 535], "her limit counts, and not root's"
    assert strangers.status == 531
    assert told.status == 534, "it is looked at, and no host is there to do so"
