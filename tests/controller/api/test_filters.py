"""A filter that CloudStack documents selects here as well, selects nothing, or is refused; none is taken for nothing and shows more than was asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mainstay_controller.api.commands import ALL
from mainstay_controller.api.parameters import parameters_of
from mainstay_controller.domain.ids import UserId
from tests.controller.api.test_deployments import a_network, the_ground
from tests.controller.api.test_people import a_domain, a_member
from tests.controller.api.test_places import a_zone
from tests.kit.api import ApiClient, an_api

DOCUMENTED = Path(__file__).parent.joinpath("filters_that_cloudstack_documents.txt").read_text().splitlines()
HOW_IT_IS_SHOWN = {
    "accumulate",
    "details",
    "fetchhealthcheckresults",
    "peers",
    "retrieveonlyresourcecount",
    "showcapacities",
    "showicon",
    "showunique",
    "storagecustomstats",
    "system",
}
SHOWS_MORE = {"isrecursive", "listall", "listsystemvms", "showremoved"}
OF_WHAT_IS_FOR_EVERYBODY = {
    ("listZones", "domainid"),
    ("listZonesMetrics", "domainid"),
    ("listDiskOfferings", "account"),
    ("listDiskOfferings", "projectid"),
    ("listServiceOfferings", "account"),
    ("listServiceOfferings", "projectid"),
    ("listServiceOfferings", "templateid"),
}
ALWAYS_EMPTY = {"listIpForwardingRules", "listLdapConfigurations", "listSnapshots", "listVMSnapshot"}


@pytest.mark.parametrize("line", DOCUMENTED, ids=lambda line: line.split()[0])
def test_no_filter_is_taken_for_nothing(line: str) -> None:
    name, *documented = line.split()
    command = ALL.find(name)
    assert command is not None
    known = {parameter.name for parameter in parameters_of(command.request)}

    unknown = set(documented) - known - HOW_IT_IS_SHOWN - SHOWS_MORE

    assert name in ALWAYS_EMPTY or {each for each in unknown if (name, each) not in OF_WHAT_IS_FOR_EVERYBODY} == set()


async def names(api: ApiClient, command: str, key: str, /, **asked: str) -> list[str]:
    answer = await api.call(command, **asked)
    assert answer.status == 200, answer.body
    return [each.get("name", each.get("id")) for each in answer.body.get(key, [])]


async def test_machines_are_found_by_who_deployed_them_and_by_where_they_stand() -> None:
    async with an_api() as api:
        ground = await the_ground(api)
        inside = await a_network(api, ground["zoneid"], "inside")
        for name in ("hers", "his"):
            await api.post("deployVirtualMachine", **ground, name=name, networkids=inside)
        [me] = (await api.call("listUsers", username="admin")).body["user"]
        hers = (await api.cloud.store.vms.find(order_by="name"))[0]
        await api.cloud.store.vms.swap(hers, replace(hers, user_id=UserId("somebody")))

        by_user = await names(api, "listVirtualMachines", "virtualmachine", userid=me["id"])
        hidden = await names(api, "listVirtualMachines", "virtualmachine", displayvm="false")
        isolated = await names(api, "listVirtualMachines", "virtualmachine", forvirtualnetwork="true")
        others = await names(api, "listVirtualMachines", "virtualmachine", forvirtualnetwork="false")

    assert (by_user, hidden, isolated, others) == (["his"], [], ["hers", "his"], [])


async def test_networks_and_their_offerings_are_found_by_what_they_have() -> None:
    async with an_api() as api:
        zone = await a_zone(api)
        await api.post("updateZone", id=zone, allocationstate="Enabled")
        await a_network(api, zone, "inside")

        with_nat = await names(api, "listNetworkOfferings", "networkoffering", sourcenatsupported="true")
        without = await names(api, "listNetworkOfferings", "networkoffering", sourcenatsupported="false")
        tagged = await names(api, "listNetworkOfferings", "networkoffering", istagged="true")
        dhcp = await names(api, "listNetworks", "network", supportedservices="Dhcp")
        vpn = await names(api, "listNetworks", "network", supportedservices="Dhcp,Vpn")
        shared = await names(api, "listNetworks", "network", networkfilter="Shared")
        own = await names(api, "listNetworks", "network", networkfilter="Account")

    assert with_nat == ["DefaultIsolatedNetworkOfferingWithSourceNatService"]
    assert "DefaultIsolatedNetworkOffering" in without
    assert (tagged, dhcp, vpn, shared, own) == ([], ["inside"], [], [], ["inside"])


async def test_jobs_are_found_by_whose_they_are_and_what_they_are_about() -> None:
    async with an_api() as api:
        ground, sales = await the_ground(api), await a_domain(api, "sales")
        await a_member(api, "ann", sales)
        vm = (await api.post("deployVirtualMachine", **ground)).body["id"]

        async def commands(**asked: str) -> list[str]:
            found = (await api.call("listAsyncJobs", listall="true", **asked)).body.get("asyncjobs", [])
            return [each["cmd"].rpartition(".")[2] for each in found]

        about = await commands(resourceid=vm)
        anns = await commands(account="ann", domainid=sales)
        of_volumes = await commands(resourcetype="Volume")

    assert (len(about), anns, of_volumes) == (1, [], [])


async def test_images_are_found_by_where_they_lie() -> None:
    async with an_api() as api:
        ground = await the_ground(api)
        made = await api.post("addImageStore", name="s", provider="NFS", url="file:///images", zoneid=ground["zoneid"])
        other = await api.post("addImageStore", name="o", provider="NFS", url="file:///other", zoneid=ground["zoneid"])
        stores = [each.body["imagestore"]["id"] for each in (made, other)]

        found = [
            await names(api, "listTemplates", "template", templatefilter="all", imagestoreid=store) for store in stores
        ]
        arm = await names(api, "listTemplates", "template", templatefilter="all", arch="aarch64")

    assert (found, arm) == ([["tiny"], []], [])


async def test_zones_can_be_those_where_one_has_something() -> None:
    async with an_api() as api:
        ground = await the_ground(api)

        before = await names(api, "listZones", "zone", available="false")
        await api.post("deployVirtualMachine", **ground)
        after = await names(api, "listZones", "zone", available="false")

    assert (before, len(after)) == ([], 1)


async def test_a_scope_that_settings_have_not_is_refused_and_nothing_is_changed() -> None:
    async with an_api() as api:
        domain = (await api.call("listDomains")).body["domain"][0]["id"]
        changed = await api.post("updateConfiguration", name="ping.interval", value="7", domainid=domain)
        listed = await api.call("listConfigurations", domainid=domain)
        [setting] = (await api.call("listConfigurations", name="ping.interval")).body["configuration"]
        waited = await api.call("listEvents", duration="5")

    assert [answer.status for answer in (changed, listed, waited)] == [431, 431, 431]
    assert setting["value"] != "7"
