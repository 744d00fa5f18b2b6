"""Two controllers on one real database count the calls of an account together: exactly so many pass, whoever serves them."""

from __future__ import annotations

from pathlib import Path

from mainstay_cli.client import Client, Refused, connected, text
from mainstay_cli.profile import Profile
from mainstay_runtime.tasks import all_of
from tests.kit.cluster import CLOCK, Cluster, Node, a_cluster, until

CLIENTS, CALLS_EACH, CALLS_MAX = 8, 12, 40
SERVED = "served"
ANN = {
    "username": "ann",
    "password": "correct horse",
    "firstname": "Ann",
    "lastname": "Smith",
    "email": "ann@example.org",
    "accounttype": "0",
}


async def keys_of_a_user(root: Client) -> tuple[str, str]:
    made = await root.call("createAccount", ANN)
    account = made["account"]
    assert isinstance(account, dict)
    users = account["user"]
    assert isinstance(users, list)
    assert isinstance(users[0], dict)
    keys = (await root.call("registerUserKeys", {"id": str(users[0]["id"])}))["userkeys"]
    assert isinstance(keys, dict)
    return text(keys, "apikey"), text(keys, "secretkey")


async def limit_calls(root: Client, keys: tuple[str, str], cluster: Cluster) -> None:
    """For longer than the story; known to both controllers when it returns: who knows the last word knows those before it."""
    for name, value in (("enabled", "true"), ("interval", "3600"), ("max", str(CALLS_MAX))):
        await root.call("updateConfiguration", {"name": f"api.throttling.{name}", "value": value})

    async def is_known() -> bool:
        return [await calls_left(keys, node) for node in cluster.nodes] == [CALLS_MAX] * len(cluster.nodes)

    await until(is_known, "both controllers know the limit")


async def answers(keys: tuple[str, str], node: Node) -> list[str]:
    """What one client was told, call by call."""
    told = []
    profile = Profile(url=f"{node.url}/client/api", api_key=keys[0], secret_key=keys[1])
    async with connected(profile, CLOCK) as client:
        for _ in range(CALLS_EACH):
            try:
                await client.call("listZones")
                told.append(SERVED)
            except Refused as error:
                told.append(str(error))
    return told


async def calls_left(keys: tuple[str, str], node: Node) -> int:
    profile = Profile(url=f"{node.url}/client/api", api_key=keys[0], secret_key=keys[1])
    async with connected(profile, CLOCK) as client:
        limit = (await client.call("getApiLimit"))["apilimit"]
    assert isinstance(limit, dict)
    return int(str(limit["apiAllowed"]))


async def story(cluster: Cluster) -> None:
    root = await cluster.client(cluster.nodes[0])
    keys = await keys_of_a_user(root)
    await limit_calls(root, keys, cluster)

    doors = [cluster.nodes[number % 2] for number in range(CLIENTS)]
    told = [answer for some in await all_of(*(answers(keys, node) for node in doors)) for answer in some]

    refused = [answer for answer in told if answer != SERVED]
    assert (len(told), told.count(SERVED)) == (CLIENTS * CALLS_EACH, CALLS_MAX)
    assert all("reached his/her account api limit" in answer for answer in refused)
    assert [await calls_left(keys, node) for node in cluster.nodes] == [0, 0]


async def test_eight_clients_at_two_controllers_pass_exactly_the_limit(tmp_path: Path, database: str) -> None:
    async with a_cluster(tmp_path, database, controllers=2, hosts=2) as cluster:
        await story(cluster)
