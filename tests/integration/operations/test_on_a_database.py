"""The life of VMs on a real database and a real clock: many at once, through every verb."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.states import JobState, ResourceState, VmState
from mainstay_controller.operations.maintenance import drain_host
from mainstay_controller.operations.vms import destroy_vm
from mainstay_controller.store.port import LIVE
from mainstay_controller.store.sql.engine import open_store
from mainstay_runtime.clock import SystemClock
from tests.kit.small_cloud import ANN, Here, a_controller, a_site
from tests.kit.wishes import deploy, start, stop

VMS = 8


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path}/mainstay.db")
    site = await a_site(hosts=3, clock=SystemClock(), rows=lambda _before: store)
    yield await a_controller(site)
    assert site.world.double_runs == []
    await store.close()


async def test_a_few_vms_live_and_die(here: Here) -> None:
    jobs = [await deploy(here, name=f"vm{number}") for number in range(VMS)]
    ended = [await here.run(job) for job in jobs]
    vms = [await here.vm(job.instance_id) for job in ended]
    assert {(job.state, vm.state) for job, vm in zip(ended, vms, strict=True)} == {
        (JobState.SUCCEEDED, VmState.RUNNING)
    }
    assert len({vm.nics[0].ip for vm in vms}) == VMS

    await here.run(await drain_host.begin(HostId("h1"), ANN, here.cloud))
    assert (await here.cloud.store.hosts.by_id("h1")).resource_state is ResourceState.MAINTENANCE
    assert {host for vm in vms for host in here.world.where_runs(vm.id)} == {"h2", "h3"}

    await here.run(await stop(here, vms[0]))
    await here.run(await start(here, vms[0]))
    for job in [await destroy_vm.begin(vm.id, ANN, here.cloud, expunge=True) for vm in vms]:
        await here.run(job)

    assert await here.cloud.store.vms.find(LIVE) == []
    assert here.world.volumes == {}
