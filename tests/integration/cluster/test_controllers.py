"""Two controllers on one database: any serves any request, either may die, pause or leave, and hosts never notice."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from mainstay_cli.client import Client, Refused
from mainstay_controller.domain.records import Vm
from tests.kit.cluster import LEASE_SECONDS, Cluster, Node, a_cluster, until


async def holder_of_all(cluster: Cluster, name: str) -> bool:
    return (await cluster.shares()).get(name) == len(await cluster.store.hosts.find())


async def deploy(cluster: Cluster, node: Node, name: str) -> None:
    done = await cluster.deploy(await cluster.client(node), name)
    machine = done["virtualmachine"]
    assert isinstance(machine, dict)
    assert machine["state"] == "Running"


async def test_two_controllers_share_hosts_requests_and_work(tmp_path: Path, database: str) -> None:
    async with a_cluster(tmp_path, database, controllers=2, hosts=4) as cluster:
        first, second = cluster.nodes

        for number, node in enumerate([first, second, first, second]):
            await deploy(cluster, node, f"vm{number}")
        job = await cluster.order(await cluster.client(first), "asked-elsewhere")
        await (await cluster.client(second)).job_result("deployVirtualMachine", job, lambda _job: None)

        await second.end(signal.SIGKILL)
        await until(lambda: holder_of_all(cluster, "c1"), "the other holds all hosts", told=first.told)
        await deploy(cluster, first, "after")

        await second.start()
        await until(cluster.is_balanced, "both hold two hosts again", within_seconds=30)
        assert await cluster.suspects() == 0
        assert (await cluster.world())["violations"] == []


async def test_a_paused_controller_finds_its_life_over(tmp_path: Path, database: str) -> None:
    async with a_cluster(tmp_path, database, controllers=2, hosts=4) as cluster:
        first, second = cluster.nodes
        before = (await cluster.store.controllers.by_id(second.id)).epoch

        second.send(signal.SIGSTOP)
        await until(lambda: holder_of_all(cluster, "c1"), "the other holds all hosts", told=first.told)
        await asyncio.sleep(LEASE_SECONDS)
        second.send(signal.SIGCONT)

        await until(cluster.is_balanced, "both hold two hosts again", within_seconds=40, told=second.told)
        assert (await cluster.store.controllers.by_id(second.id)).epoch >= before + 2
        assert "a new life begins" in second.told()
        assert await cluster.suspects() == 0


async def test_a_controller_is_emptied_before_it_is_stopped(tmp_path: Path, database: str) -> None:
    async with a_cluster(tmp_path, database, controllers=2, hosts=4) as cluster:
        first, second = cluster.nodes
        client = await cluster.client(first)
        this = {"managementserverid": second.id}

        await client.call("prepareForShutdown", this)
        await until(lambda: holder_of_all(cluster, "c1"), "the other holds all hosts", told=second.told)
        await until(lambda: is_ready_to_end(client, this), "it is ready")
        with pytest.raises(Refused, match="Can not accept new jobs") as refused:
            await cluster.order(await cluster.client(second), "too-late")
        assert refused.value.facts["errorcode"] == 503
        assert not await second.is_ready()

        await client.call("cancelShutdown", this)
        await until(cluster.is_balanced, "both hold two hosts again", within_seconds=30)
        assert await cluster.suspects() == 0


async def is_ready_to_end(client: Client, this: dict[str, str]) -> bool:
    told = await client.call("readyForShutdown", this)
    readiness = told["readyforshutdown"]
    return isinstance(readiness, dict) and readiness["readyforshutdown"] is True


async def test_with_all_controllers_away_guests_run_on_and_restart_where_they_are(
    tmp_path: Path, database: str
) -> None:
    async with a_cluster(tmp_path, database, controllers=2, hosts=4) as cluster:
        for name in ("runs-on", "crashes"):
            await deploy(cluster, cluster.nodes[0], name)
        before = {vm.name: vm for vm in await cluster.store.vms.find()}

        for node in cluster.nodes:
            await node.end(signal.SIGKILL)
        await cluster.hurt("crash-guest", target=before["crashes"].id)
        await until(lambda: runs(cluster, before["crashes"]), "its own host restarts the one that crashed")
        await asyncio.sleep(2 * LEASE_SECONDS)
        for node in cluster.nodes:
            await node.start()
        await until(cluster.is_balanced, "all hosts are up and shared again", told=cluster.nodes[0].told)
        await until(lambda: restart_is_told(cluster), "the restart is on record")

        after = {vm.name: vm for vm in await cluster.store.vms.find()}
        assert {name: (vm.state, vm.host_id, vm.epoch) for name, vm in after.items()} == {
            name: (vm.state, vm.host_id, vm.epoch) for name, vm in before.items()
        }
        assert await runs(cluster, before["runs-on"])
        assert [incident for incident in await cluster.store.incidents.find() if incident.vm_id is None] == []
        assert (await cluster.world())["violations"] == []


async def runs(cluster: Cluster, vm: Vm) -> bool:
    """Where its row says, by the word of the world itself."""
    [host] = [host for host in (await cluster.world())["hosts"] if host["host_id"] == vm.host_id]
    return [(guest["epoch"], guest["state"]) for guest in host["guests"] if guest["vm_id"] == vm.id] == [
        (vm.epoch, "running")
    ]


async def restart_is_told(cluster: Cluster) -> bool:
    return [decision.rule for decision in await cluster.store.decisions.find()] == ["standing-authority"]
