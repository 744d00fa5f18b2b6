"""The desk of the simulated world, from which hosts and guests are hurt."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import ClientError, ClientSession

from mainstay_cli.demo.place import Running
from mainstay_runtime.errors import BadInput, Unavailable


async def hurt(running: Running, http: ClientSession, cluster: str, verb: str, given: Mapping[str, str]) -> None:
    """Raises BadInput with the desk's own words."""
    try:
        async with http.post(f"{running.desks[cluster]}/world/{verb}", json=dict(given)) as answer:
            told = await answer.json()
    except (ClientError, TimeoutError) as error:
        raise Unavailable(f"the hosts of {cluster} do not answer: {error}") from error
    if answer.status != 200:
        raise BadInput(str(told.get("error")))


def cluster_of(host: str, running: Running) -> str:
    cluster = host.partition("-")[0]
    if cluster not in running.desks:
        raise BadInput(f"there is no host {host}: hosts are called c0-h0 to c2-h3")
    return cluster
