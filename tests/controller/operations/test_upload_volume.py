"""A data disk from an image of the operator's: looked at, made with the guest that first has it, and gone without a trace."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay_controller.domain.records import Account, Volume
from mainstay_controller.domain.states import JobState
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.storage import volumes
from mainstay_controller.operations.storage.upload_volume import Upload, upload_volume
from mainstay_controller.operations.vms.attach_volume import attach_at_rest
from tests.kit.small_cloud import ANN, DOMAIN, ZONE, Here, a_cloud
from tests.kit.virtual_time import BEGINNING
from tests.kit.wishes import a_stopped_vm, deploy, start


async def uploaded(here: Here, **other: Any) -> Volume:
    owner = Account(id=ANN.account_id, name="ann", domain_id=DOMAIN, created=BEGINNING)
    asked: dict[str, Any] = {
        "zone_id": ZONE,
        "name": "books",
        "url": "file:///images/books.qcow2",
        "format": "QCOW2",
        "by_root": True,
    }
    return await upload_volume(Upload(**asked | other), owner, here.cloud)


async def test_the_disk_is_made_from_its_image_with_the_guest_that_first_has_it() -> None:
    async with a_cloud() as here:
        disk, vm = await uploaded(here), await a_stopped_vm(here)
        await attach_at_rest(disk, vm, here.cloud)

        started = await here.run(await start(here, await here.vm(vm.id)))

        assert started.state is JobState.SUCCEEDED, started.result
        assert here.world.images[f"/pool/{disk.id}.qcow2"] == "/images/books.qcow2"


async def test_with_the_disk_goes_its_image_and_nobody_elses() -> None:
    async with a_cloud() as here:
        before = await here.cloud.store.templates.find()
        disk = await uploaded(here)
        during = await here.cloud.store.templates.count()

        await here.run(await volumes.begin_delete(disk, ANN, here.cloud))

        assert (during, await here.cloud.store.templates.find()) == (len(before) + 1, before)


async def test_no_machine_is_deployed_from_such_an_image() -> None:
    async with a_cloud() as here:
        disk = await uploaded(here)

        with pytest.raises(InvalidParameter, match="is the image of a data disk"):
            await deploy(here, template_id=disk.template_id)


async def test_what_is_no_image_of_a_disk_is_refused_and_leaves_nothing() -> None:
    async with a_cloud() as here:
        before = await here.cloud.store.templates.count()

        with pytest.raises(InvalidParameter, match="format"):
            await uploaded(here, format="ISO")
        with pytest.raises(InvalidParameter, match="format"):
            await uploaded(here, url="file:///images/books.vmdk")

        assert await here.cloud.store.templates.count() == before
        assert await here.cloud.store.volumes.count() == 0
