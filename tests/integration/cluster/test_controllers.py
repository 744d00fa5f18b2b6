"""Two controllers on one database: any serves any request, either may die, pause or leave, and hosts never notice."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from mainstay_cli.client import Client, Refused
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
