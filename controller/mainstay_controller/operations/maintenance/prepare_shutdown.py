"""Empty a controller before it is stopped: no new jobs, its agents go to others, and it says when nothing is left.

Asked of any controller about any; the one that is meant finds it in its own row at its next renewal."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mainstay_controller.domain.ids import ControllerId, HostId
from mainstay_controller.domain.records import Controller
from mainstay_controller.domain.states import JobState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import ResourceInUse
from mainstay_controller.operations.membership import DOWN, PREPARING, UP
from mainstay_controller.store.port import LIVE, Stale, eq

READY = "ReadyToShutDown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    controller: Controller
    pending_jobs: int
    host_ids: tuple[HostId, ...]
    others_live: bool

    @property
    def is_triggered(self) -> bool:
        return self.controller.state != UP

    @property
    def is_ready(self) -> bool:
        """Where nobody else could take them, hosts are no reason to stay."""
        return self.is_triggered and self.pending_jobs == 0 and not (self.host_ids and self.others_live)

    @property
    def state(self) -> str:
        return READY if self.controller.state == PREPARING and self.is_ready else self.controller.state


async def prepare(controller_id: ControllerId, cloud: Cloud) -> Readiness:
    return await _put_into(PREPARING, controller_id, cloud)


async def cancel(controller_id: ControllerId, cloud: Cloud) -> Readiness:
    return await _put_into(UP, controller_id, cloud)


async def readiness(controller_id: ControllerId, cloud: Cloud) -> Readiness:
    store = cloud.store
    now = await store.now()
    others = [row for row in await store.controllers.find(eq("state", UP)) if row.id != controller_id]
    return Readiness(
        controller=await store.controllers.by_id(controller_id),
        pending_jobs=await store.jobs.count(eq("state", JobState.PENDING), eq("owner_id", controller_id)),
        host_ids=tuple([host.id for host in await store.hosts.find(LIVE, eq("controller_id", controller_id))]),
        others_live=any(row.expires > now for row in others),
    )


async def _put_into(state: str, controller_id: ControllerId, cloud: Cloud) -> Readiness:
    while True:
        row = await cloud.store.controllers.by_id(controller_id)
        if row.state == DOWN:
            raise ResourceInUse(f"Management server {row.name} is down already")
        try:
            await cloud.store.controllers.swap(row, replace(row, state=state))
        except Stale:
            continue
        if controller_id == cloud.me.id:
            cloud.is_leaving = state != UP
        return await readiness(controller_id, cloud)
