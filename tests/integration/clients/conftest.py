"""One controller with a zone of simulated hosts, built through `cs` and nothing else, for every story of a worker process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cs import CloudStack

from tests.kit.running_cloud import RunningController, a_running_controller, until

HOSTS = 2
HOSTS_COME_WITHIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """Enabled, with hosts, storage, a template and an offering."""

    id: str
    template_id: str
    offering_id: str


@pytest.fixture(scope="session")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningController]:
    with a_running_controller(tmp_path_factory.mktemp("controller")) as running:
        yield running


@pytest.fixture(scope="session")
def cs(controller: RunningController) -> Any:
    """The unmodified client, as the first administrator."""
    return CloudStack(
        endpoint=controller.api, key=controller.admin["apikey"], secret=controller.admin["secretkey"], poll_interval=0.1
    )


@pytest.fixture(scope="session")
def zone(controller: RunningController, cs: Any) -> Iterator[Zone]:
    """Every step is one that an operator's playbook takes."""
    zone = cs.createZone(name="z1", dns1="192.0.2.1", internaldns1="192.0.2.2", networktype="Advanced")["zone"]
    pod = cs.createPod(
        zoneid=zone["id"],
        name="p1",
        gateway="10.99.0.1",
        netmask="255.255.0.0",
        startip="10.99.1.1",
        endip="10.99.1.99",
    )["pod"]
    place = {"zoneid": zone["id"], "podid": pod["id"]}
    [cluster] = cs.addCluster(**place, clustername="c1", clustertype="CloudManaged", hypervisor="Simulator")["cluster"]
    place["clusterid"] = cluster["id"]
    invitations = {}
    for number in range(HOSTS):
        [host] = cs.addHost(**place, hypervisor="Simulator", url=f"http://sim/c1/h{number}", username="", password="")[
            "host"
        ]
        invitations[host["name"]] = host["invitation"]
    with controller.agents(invitations):
        until(lambda: len(cs.listHosts(state="Up").get("host", [])) == HOSTS, HOSTS_COME_WITHIN_SECONDS)
        cs.createStoragePool(**place, name="primary", url="sim:///pools/c1")
        template = cs.registerTemplate(
            name="tiny",
            displaytext="a tiny image",
            url="file:///images/tiny.qcow2",
            format="QCOW2",
            hypervisor="Simulator",
            ispublic=True,
            ostypeid="",
            zoneid=zone["id"],
        )["template"][0]
        offering = cs.createServiceOffering(
            name="small", displaytext="small", cpunumber=1, cpuspeed=500, memory=256, offerha=True
        )["serviceoffering"]
        cs.updateZone(id=zone["id"], allocationstate="Enabled")
        yield Zone(id=zone["id"], template_id=template["id"], offering_id=offering["id"])
