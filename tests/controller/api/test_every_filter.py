"""Whatever parameter a list takes narrows it: by what nothing has it shows less than everything, or refuses.

Each table of a furnished cloud gets one more row, a copy under another id that nothing refers to; so there is an id of everything that selects
nothing of what was there before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from mainstay_controller.api.commands import ALL
from mainstay_controller.api.listing import Listing, ScopedListing
from mainstay_controller.api.parameters import NotKept, Parameter, Shape
from mainstay_controller.api.registry import AnswerKind, Command
from mainstay_controller.domain.ids import HostId, IncidentId, PoolId, TemplateId, VmId
from mainstay_controller.domain.records import Controller, Host, Incident, StoragePool
from mainstay_controller.operations.journal import AlertType, Place
from mainstay_controller.store.aggregates import AGGREGATES
from tests.controller.api.test_deployments import a_network, the_ground
from tests.controller.api.test_filters import HOW_IT_IS_SHOWN, SHOWS_MORE
from tests.controller.api.test_people import a_domain, a_member
from tests.kit.api import ApiClient, an_api

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = {each.name for each in fields(Listing)} | {"pagesize"}
WHOSE = {each.name.replace("_", "") for each in fields(ScopedListing)} - {"tags"}
BARREN = "barren"
PLACES = {"url"}
NOT_SELECTING = {
    ("listCapacity", "fetchlatest"),
    ("listCapacity", "sortby"),
    ("listPublicIpAddresses", "allocatedonly"),
    ("listVirtualMachines", "userdata"),
    ("listVirtualMachinesMetrics", "userdata"),
}
OF_EVERYTHING = {
    ("listDiskOfferings", "zoneid"),
    ("listNetworkOfferings", "zoneid"),
    ("listServiceOfferings", "zoneid"),
    ("listIsos", "zoneid"),
    ("listTemplates", "zoneid"),
}
"""What is for all zones is there in a barren one too."""
OF_A_COPY = {("listNics", "virtualmachineid"), ("listStorageProviders", "type")}
"""The copy of a VM has as many NICs, and a list that must be told which is told another."""
LISTS = sorted(
    (command for command in ALL if command.kind is AnswerKind.LIST and command.name.startswith("list")),
    key=lambda command: command.name,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api() -> AsyncIterator[ApiClient]:
    async with an_api() as api:
        await furnish(api)
        for name in AGGREGATES:
            await add_a_barren_row(name, api)
        yield api


async def furnish(api: ApiClient) -> None:
    """Of all that lists show, as far as it is made without a host."""
    ground = await the_ground(api)
    zone = {"zoneid": ground["zoneid"]}
    member = await a_member(api, "ann", await a_domain(api, "sales"))
    pod = {"gateway": "10.9.0.1", "netmask": "255.255.0.0", "startip": "10.9.1.1", "endip": "10.9.1.9"}
    pod_id = (await api.post("createPod", **zone, name="pod", **pod)).body["pod"]["id"]
    cluster = {"podid": pod_id, "clustername": "c", "hypervisor": "Simulator", "clustertype": "CloudManaged"}
    await api.post("addCluster", **zone, **cluster)
    physical = (await api.post("createPhysicalNetwork", **zone, name="p", vlan="100-110")).body["id"]
    await api.post("addTrafficType", physicalnetworkid=physical, traffictype="Guest")
    public = {"gateway": "192.0.2.1", "netmask": "255.255.255.0", "startip": "192.0.2.10", "endip": "192.0.2.20"}
    await api.post("createVlanIpRange", **zone, **public, forvirtualnetwork="true", vlan="untagged")
    network = await a_network(api, ground["zoneid"], "inside")
    address = (await api.post("associateIpAddress", networkid=network)).body["id"]
    ports = {"protocol": "tcp", "startport": "80", "endport": "80"}
    await api.post("createFirewallRule", ipaddressid=address, **ports)
    await api.post("createEgressFirewallRule", networkid=network, **ports)
    vm = (await api.post("deployVirtualMachine", **ground, networkids=network)).body["id"]
    inner = {"privateport": "80", "publicport": "80", "protocol": "tcp", "virtualmachineid": vm}
    await api.post("createPortForwardingRule", ipaddressid=address, **inner)
    await api.post("createSSHKeyPair", name="desk")
    await api.post("registerUserData", name="u", userdata="aGVsbG8=")
    await api.post("createAffinityGroup", name="apart", type="host anti-affinity")
    await api.post("createSecurityGroup", name="web")
    await api.post("createTags", resourceids=vm, resourcetype="UserVm", **{"tags[0].key": "k", "tags[0].value": "v"})
    await api.post("createProject", name="project")
    await api.post("addImageStore", **zone, name="images", provider="NFS", url="file:///images")
    await api.post("createDiskOffering", name="disk", displaytext="disk", disksize="1")
    await member.api.post("createSSHKeyPair", name="hers")
    await furnish_with_hosts(api)


async def furnish_with_hosts(api: ApiClient) -> None:
    """Rows of what no call makes without an agent."""
    store, now = api.cloud.store, api.cloud.clock.now()
    [cluster], [vm], [image] = await store.clusters.find(), await store.vms.find(), await store.templates.find()
    place: dict[str, Any] = {
        "zone_id": cluster.zone_id,
        "pod_id": cluster.pod_id,
        "cluster_id": cluster.id,
        "created": now,
    }
    await store.hosts.add(Host(id=HostId("h1"), name="h1", hypervisor="Simulator", **place))
    await store.pools.add(StoragePool(id=PoolId("p1"), name="p1", **place))
    await store.incidents.add(Incident(id=IncidentId("i1"), created=now, host_id=HostId("h1")))
    here = Controller(id=api.cloud.me.id, name="c1", address="c1:8250", created=now, expires=now + timedelta(hours=1))
    await store.controllers.add(here)
    for kind in ("DomainRouter", "ConsoleProxy"):
        await store.vms.add(replace(vm, id=VmId(kind), name=kind, type=kind))
    await store.templates.add(replace(image, id=TemplateId("iso"), name="iso", is_iso=True, bootable=True))
    await api.cloud.journal.alert(store, AlertType.HOST, "it is down", place=Place(zone_id=cluster.zone_id))


async def add_a_barren_row(repository: str, api: ApiClient) -> None:
    """Where there is a row to copy; what must be unique differs."""
    rows = getattr(api.cloud.store, repository)
    for row in (await rows.find())[:1]:
        if not is_dataclass(row) or not hasattr(row, "id"):
            continue
        unique = {field for group in AGGREGATES[repository].unique for field in group}
        other: dict[str, Any] = {
            field: f"{BARREN}-{repository}"
            for field in {*unique, *PLACES}
            if isinstance(getattr(row, field, None), str)
        }
        await rows.add(replace(row, **other | {"id": f"{BARREN}-{repository}"}))  # type: ignore[type-var]


def selecting(command: Command) -> list[Parameter]:
    passed_over = PAGES | WHOSE | HOW_IT_IS_SHOWN | SHOWS_MORE
    known = NOT_SELECTING | OF_EVERYTHING | OF_A_COPY
    return [
        parameter
        for parameter in command.parameters
        if parameter.name not in passed_over and (command.name, parameter.name) not in known
    ]


def values(parameter: Parameter) -> list[str]:
    """Of which no row has all."""
    if parameter.word == "boolean":
        return ["true", "false"]
    if parameter.choices:
        return list(parameter.choices)
    if parameter.reference is not None:
        return [f"{BARREN}-{parameter.reference}"]
    if parameter.word == "date":
        return ["2001-01-01" if parameter.name.startswith("end") else "2101-01-01"]
    return ["4711"] if parameter.word in ("integer", "float") else ["what nothing has"]


def asked(parameter: Parameter, value: str) -> Mapping[str, str]:
    if parameter.shape is Shape.MAPS:
        return {f"{parameter.name}[0].key": value}
    if parameter.shape is Shape.MAP:
        return {f"{parameter.name}[0].{value}": value}
    return {parameter.name: value}


async def count_of(api: ApiClient, name: str, given: Mapping[str, str]) -> int | None:
    """None: refused."""
    answer = await api.call(name, **given)
    if answer.status != 200:
        assert 430 <= answer.status < 540
        assert answer.status != 530, answer.text
        return None
    found: int = answer.body.get("count", 0)
    return found


async def needed(api: ApiClient, command: Command) -> dict[str, str]:
    """What the list does not go without: of a thing that has something."""
    given: dict[str, str] = {}
    if any(parameter.name == "listall" for parameter in command.parameters):
        given["listall"] = "true"
    for parameter in command.parameters:
        if not parameter.required:
            continue
        if parameter.reference is not None:
            rows = await getattr(api.cloud.store, parameter.reference).find(limit=2)
            given[parameter.name] = next((row.id for row in rows if not row.id.startswith(BARREN)), "none")
        else:
            given[parameter.name] = "all" if "all" in parameter.choices else (parameter.choices or ("x",))[0]
    return given


@pytest.mark.parametrize("command", LISTS, ids=lambda command: command.name)
async def test_each_parameter_narrows_or_is_refused(command: Command, api: ApiClient) -> None:
    given = await needed(api, command)
    everything = await count_of(api, command.name, given)
    taken_for_nothing = []

    for parameter in selecting(command):
        if isinstance(parameter.filter, NotKept) or not everything:
            continue
        told = [await count_of(api, command.name, {**given, **asked(parameter, value)}) for value in values(parameter)]
        if all(found is not None and found >= everything for found in told):
            taken_for_nothing.append((parameter.name, told))

    assert taken_for_nothing == [], f"of {everything}"
