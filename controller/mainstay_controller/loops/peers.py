"""Hear every second what is new with the other controllers' hosts, and give up a session whose host has gone to another."""

from __future__ import annotations

from mainstay_controller.domain.ids import HostId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import OutcomeUnknown, Unreachable
from mainstay_runtime.logs import logger

ASK_SECONDS = 1.0

log = logger(__name__)


async def hear_peers(cloud: Cloud) -> None:
    """For ever."""
    while True:
        await cloud.clock.sleep(ASK_SECONDS)
        for host_id in await cloud.fleet.ask_peers():
            try:
                await yield_to_its_row(host_id, cloud)
            except (OutcomeUnknown, Unreachable) as error:
                log.info("a host in two sessions is looked at again", host=host_id, error=str(error))


async def yield_to_its_row(host_id: HostId, cloud: Cloud) -> None:
    """Whoever let it in last has written so: the other session is a leftover."""
    host = await cloud.store.hosts.get(host_id)
    if host is not None and host.controller_id != cloud.me.id:
        cloud.fleet.drop_session(host_id, "its agent has come to another controller")
