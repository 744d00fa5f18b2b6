"""Builds the demo's cloud, through the API and nothing else: what is done here by program can be done by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mainstay_cli.client import Client, Row, nested, text
from mainstay_cli.demo import plan
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.tasks import all_of

HOSTS_COME_WITHIN_SECONDS = 60.0
PAUSE_SECONDS = 0.2

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What clusters stand on, and the hosts by name as the controller knows them."""

    zone_id: str
    pod_id: str
    cluster_ids: Mapping[str, str]
    host_ids: Mapping[str, str]


async def lay_ground(client: Client, directory: Path) -> Ground:
    """Zone, pod, clusters and hosts; for each cluster the world in which its agent process lets hosts live."""
    zone = await _made(
        client,
        "createZone",
        "zone",
        name="demo",
        dns1="192.0.2.53",
        internaldns1="192.0.2.53",
        networktype="Advanced",
        localstorageenabled="true",
    )
    pod = await _made(
        client,
        "createPod",
        "pod",
        name="pod",
        zoneid=zone,
        gateway="10.99.0.1",
        netmask="255.255.0.0",
        startip="10.99.1.1",
        endip="10.99.1.250",
    )
    cluster_ids: dict[str, str] = {}
    host_ids: dict[str, str] = {}
    for name in plan.clusters():
        cluster_ids[name] = await _made(
            client,
            "addCluster",
            "cluster",
            zoneid=zone,
            podid=pod,
            clustername=name,
            hypervisor="Simulator",
            leaseprofile=plan.LEASE_PROFILE,
        )
        host_ids |= await _add_hosts(client, name, cluster_ids[name], zone, pod, directory)
    return Ground(zone_id=zone, pod_id=pod, cluster_ids=cluster_ids, host_ids=host_ids)


async def hosts_are_up(client: Client) -> None:
    """Raises Unavailable with who is missing."""
    begun = client.clock.monotonic()
    while True:
        missing = [text(row, "name") for row in await client.rows("listHosts") if row.get("state") != "Up"]
        if not missing:
            return
        if client.clock.monotonic() - begun > HOSTS_COME_WITHIN_SECONDS:
            raise Unavailable(f"these hosts did not come: {', '.join(missing)}")
        await client.clock.sleep(PAUSE_SECONDS)


async def furnish(client: Client, ground: Ground, desks: Mapping[str, str]) -> None:
    """Power controllers, storage, an image and offerings; then the zone is enabled."""
    for host in plan.hosts(plan.WITH_POWER_CONTROLLERS):
        await _give_power_controller(client, ground, host, desks[host.cluster])
    for cluster, cluster_id in ground.cluster_ids.items():
        place = {"zoneid": ground.zone_id, "podid": ground.pod_id}
        await client.call(
            "createStoragePool",
            {**place, "clusterid": cluster_id, "name": f"{cluster}-shared", "url": f"sim:///pools/{cluster}"},
        )
        for host in plan.hosts(cluster):
            local = {"scope": "HOST", "hostid": ground.host_ids[host.name], "url": f"sim:///local/{host.name}"}
            await client.call("createStoragePool", {**place, **local, "name": f"{host.name}-local"})
    await client.call(
        "registerTemplate",
        {
            "name": "demo",
            "url": "file:///images/demo.qcow2",
            "format": "QCOW2",
            "hypervisor": "Simulator",
            "ispublic": "true",
        },
    )
    for name, facts in plan.OFFERINGS.items():
        size = {"cpunumber": "1", "cpuspeed": "500", "memory": str(plan.GUEST_MEMORY_MIB)}
        await client.call("createServiceOffering", {"name": name, **size, **facts})
    await client.call("updateZone", {"id": ground.zone_id, "allocationstate": "Enabled"})


async def deploy_guests(client: Client, ground: Ground, told: Told) -> int:
    """All of them at once, as impatient users would; how many."""
    template = text((await client.rows("listTemplates", {"templatefilter": "all"}))[0], "id")
    offerings = {text(row, "name"): text(row, "id") for row in await client.rows("listServiceOfferings")}
    jobs = []
    for guest in [guest for cluster in plan.clusters() for guest in plan.guests(cluster)]:
        place = {"hostid": ground.host_ids[guest.host]} if guest.host else {}
        asked = {
            "zoneid": ground.zone_id,
            "templateid": template,
            "serviceofferingid": offerings[guest.offering],
            "name": guest.name,
            "clusterid": ground.cluster_ids[guest.cluster],
            **place,
        }
        jobs.append(text(await client.call("deployVirtualMachine", asked), "jobid"))
    told(f"{len(jobs)} guests are ordered")
    await all_of(*(client.job_result("deployVirtualMachine", job, _unheard) for job in jobs))
    return len(jobs)


async def _add_hosts(
    client: Client, cluster: str, cluster_id: str, zone: str, pod: str, directory: Path
) -> dict[str, str]:
    world = []
    host_ids = {}
    for host in plan.hosts(cluster):
        asked = {"zoneid": zone, "podid": pod, "clusterid": cluster_id, "hypervisor": "Simulator", "url": host.url}
        [added] = nested(await client.call("addHost", asked), "host")
        host_ids[host.name] = text(added, "id")
        invitation = text(added, "invitation")
        world.append({"name": host.name, "ip": host.ip, "invitation": invitation, "memory_mib": plan.HOST_MEMORY_MIB})
    (directory / f"{cluster}.json").write_text(json.dumps({"hosts": world}))
    return host_ids


async def _give_power_controller(client: Client, ground: Ground, host: plan.PlannedHost, desk: str) -> None:
    address, _, port = desk.rpartition(":")
    await client.call(
        "configureOutOfBandManagement",
        {
            "hostid": ground.host_ids[host.name],
            "driver": "redfish",
            "address": f"{address}/redfish/v1/Systems/{host.name}",
            "port": port,
            "username": "demo",
            "password": "demo",
        },
    )


async def _made(client: Client, command: str, key: str, /, **parameters: str) -> str:
    """The id of what a command made, whether it answers with the thing or with a list of one."""
    answer = (await client.call(command, parameters))[key]
    made = answer[0] if isinstance(answer, list) else answer
    assert isinstance(made, dict)
    return text(made, "id")


def _unheard(_job: Row) -> None:
    """Nobody watches these jobs."""
