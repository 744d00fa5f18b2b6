"""An empty cloud becomes one with a running guest by the calls that CloudStack's tools make, in their order, through `cs` and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cs import CloudStack

from tests.kit.running_cloud import RunningController, a_running_controller, until

COMES_WITHIN_SECONDS = 60.0
HYPERVISOR = "Simulator"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[RunningController]:
    with a_running_controller(tmp_path) as running:
        yield running


def client_of(controller: RunningController) -> Any:
    keys = controller.admin
    return CloudStack(endpoint=controller.api, key=keys["apikey"], secret=keys["secretkey"], poll_interval=0.1)


def a_zone(cs: Any) -> str:
    zone: dict[str, Any] = cs.createZone(
        name="Sandbox-simulator",
        dns1="10.147.28.6",
        internaldns1="10.147.28.6",
        networktype="Advanced",
        guestcidraddress="10.1.1.0/24",
        securitygroupenabled=False,
    )["zone"]
    assert zone["allocationstate"] == "Disabled"
    return str(zone["id"])


def physical_network(cs: Any, zone: str) -> str:
    """Carrying all traffic, with the router of its zone enabled."""
    made = cs.createPhysicalNetwork(zoneid=zone, name="Sandbox-pnet", vlan="100-200", fetch_result=True)
    network: str = made["physicalnetwork"]["id"]
    for traffic in ("Guest", "Management", "Public"):
        cs.addTrafficType(physicalnetworkid=network, traffictype=traffic, fetch_result=True)
    [provider] = cs.listNetworkServiceProviders(name="VirtualRouter", physicalnetworkid=network)[
        "networkserviceprovider"
    ]
    [element] = cs.listVirtualRouterElements(nspid=provider["id"])["virtualrouterelement"]
    cs.configureVirtualRouterElement(id=element["id"], enabled=True, fetch_result=True)
    cs.updateNetworkServiceProvider(id=provider["id"], state="Enabled", fetch_result=True)
    cs.updatePhysicalNetwork(id=network, state="Enabled", fetch_result=True)
    return network


def pod_and_cluster(cs: Any, zone: str) -> dict[str, str]:
    pod = cs.createPod(
        zoneid=zone,
        name="POD0",
        gateway="172.16.15.1",
        netmask="255.255.255.0",
        startip="172.16.15.2",
        endip="172.16.15.200",
    )["pod"]
    [cluster] = cs.addCluster(
        zoneid=zone, podid=pod["id"], clustername="C0", clustertype="CloudManaged", hypervisor=HYPERVISOR
    )["cluster"]
    return {"zoneid": zone, "podid": pod["id"], "clusterid": cluster["id"]}


def public_addresses(cs: Any, zone: str, network: str) -> None:
    cs.createVlanIpRange(
        zoneid=zone,
        physicalnetworkid=network,
        vlan="50",
        gateway="172.16.16.1",
        netmask="255.255.255.0",
        startip="172.16.16.2",
        endip="172.16.16.200",
        forvirtualnetwork=True,
    )


def offered(cs: Any, command: str, key: str, name: str) -> str:
    """The id of what is there from the beginning under that name."""
    [found] = [each for each in getattr(cs, command)(name=name)[key] if each["name"] == name]
    return str(found["id"])


def test_an_empty_cloud_becomes_one_with_a_guest(empty: RunningController) -> None:
    cs = client_of(empty)
    zone = a_zone(cs)
    network = physical_network(cs, zone)
    place = pod_and_cluster(cs, zone)
    [host] = cs.addHost(
        **place,
        hypervisor=HYPERVISOR,
        clustertype="CloudManaged",
        url="http://sim/c0/h0",
        username="sim",
        password="sim",
    )["host"]

    with empty.agents({host["name"]: host["invitation"]}):
        until(lambda: bool(cs.listHosts(type="Routing", state="Up")), COMES_WITHIN_SECONDS)
        cs.createStoragePool(**place, name="PS0", url="sim:///primary")
        public_addresses(cs, zone, network)
        cs.addImageStore(zoneid=zone, name="SS0", provider="NFS", url="nfs://10.147.28.6/export/secondary")
        cs.updateZone(id=zone, allocationstate="Enabled")
        template = cs.registerTemplate(
            name="tiny",
            displaytext="tiny",
            url="file:///images/tiny.qcow2",
            format="QCOW2",
            hypervisor=HYPERVISOR,
            zoneid=zone,
        )["template"][0]
        isolated = offered(
            cs, "listNetworkOfferings", "networkoffering", "DefaultIsolatedNetworkOfferingWithSourceNatService"
        )
        guests = cs.createNetwork(name="guests", displaytext="guests", zoneid=zone, networkofferingid=isolated)[
            "network"
        ]
        vm = cs.deployVirtualMachine(
            name="first",
            zoneid=zone,
            templateid=template["id"],
            serviceofferingid=offered(cs, "listServiceOfferings", "serviceoffering", "Small Instance"),
            networkids=guests["id"],
            fetch_result=True,
        )["virtualmachine"]

    assert (vm["state"], vm["hostname"]) == ("Running", host["name"])
    assert vm["nic"][0]["ipaddress"].startswith("10.1.1.")
    assert vm["nic"][0]["networkid"] == guests["id"]
