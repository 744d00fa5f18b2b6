"""The disk of a stopped guest is copied to an image store by a host, fetched from there, and the copy goes with its address."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mainstay_controller.domain.ids import ImageStoreId
from mainstay_controller.domain.records import ImageStore, Job, Vm, Volume
from mainstay_controller.domain.states import JobState
from mainstay_controller.operations.errors import ResourceInUse, ResourceUnavailable
from mainstay_controller.operations.storage import extract_volume
from mainstay_controller.operations.storage.downloads import sweep_downloads
from mainstay_controller.store.port import eq
from tests.kit.small_cloud import ANN, Here, a_cloud
from tests.kit.told_hosts import Say, failed
from tests.kit.virtual_time import BEGINNING
from tests.kit.wishes import a_running_vm, a_stopped_vm

ORIGIN = "http://cloud:8080"


async def an_image_store(here: Here, place: Path) -> None:
    row = ImageStore(id=ImageStoreId("files"), name="files", url=f"file://{place}", created=BEGINNING)
    await here.cloud.store.image_stores.add(row)


async def root_of(here: Here, vm: Vm) -> Volume:
    [root] = await here.cloud.store.volumes.find(eq("vm_id", vm.id), eq("type", "ROOT"))
    return root


async def begun(here: Here, place: Path) -> Job:
    """As if the host's copy had come into the store already."""
    root = await root_of(here, await a_stopped_vm(here))
    job = await extract_volume.begin(root, ORIGIN, ANN, here.cloud)
    (place / f"{job.id}.raw").write_bytes(b"a disk")
    (place / f"{job.id}.raw.owner").write_text(job.id)
    return job


async def test_a_host_copies_it_and_its_address_opens_the_copy(tmp_path: Path) -> None:
    async with a_cloud() as here:
        await an_image_store(here, tmp_path)

        job = await here.run(await begun(here, tmp_path))

        assert job.state is JobState.SUCCEEDED, job.result
        url = str((job.result or {})["url"])
        assert url.startswith(f"{ORIGIN}/client/download/")
        assert f"{tmp_path}/{job.id}.raw" in here.world.volumes
        [row] = await here.cloud.store.downloads.find()
        assert (row.path, row.is_copy) == (f"{tmp_path}/{job.id}.raw", True)


async def test_the_copy_goes_when_its_address_ends(tmp_path: Path) -> None:
    async with a_cloud() as here:
        await an_image_store(here, tmp_path)
        await here.run(await begun(here, tmp_path))
        [row] = await here.cloud.store.downloads.find()
        await sweep_downloads(here.cloud)
        early = len(list(tmp_path.iterdir()))

        await here.cloud.store.downloads.swap(row, replace(row, expires=BEGINNING - timedelta(seconds=1)))
        await sweep_downloads(here.cloud)

        assert (early, list(tmp_path.iterdir())) == (2, [])
        assert await here.cloud.store.downloads.find() == []


async def test_a_copy_that_fails_is_told_with_what_each_host_said(tmp_path: Path) -> None:
    async with a_cloud(hosts=1) as here:
        await an_image_store(here, tmp_path)
        job = await begun(here, tmp_path)
        here.host(1).script["make"] += [Say(failed("not-mounted", "there is no directory"))]

        job = await here.run(job)

        assert job.state is JobState.FAILED
        assert "there is no directory" in str(job.result)


async def test_a_disk_in_use_and_a_zone_without_image_stores_are_refused(tmp_path: Path) -> None:
    async with a_cloud() as here:
        stopped = await root_of(here, await a_stopped_vm(here))
        with pytest.raises(ResourceUnavailable):
            await extract_volume.begin(stopped, ORIGIN, ANN, here.cloud)
        await an_image_store(here, tmp_path)
        running = await root_of(here, await a_running_vm(here))
        with pytest.raises(ResourceInUse):
            await extract_volume.begin(running, ORIGIN, ANN, here.cloud)
