"""What a guest reads besides its disks: a medium that is changed while it runs, a config drive that comes with every order."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from mainstay_proto.messages import ConfigDrive, DiskSpec, DriveFile, RunState
from tests.agent.conformance.stand import SOON_SECONDS, Stand, started

has_media = pytest.mark.ability("media")
DRIVE = ConfigDrive(
    label="config-2",
    files=(DriveFile(names=("openstack/latest/meta_data.json",), content=b64encode(b"{}").decode()),),
)


def media(stand: Stand) -> Any:
    """The driver as one that changes media."""
    return stand.driver


def a_medium(directory: Path, name: str) -> DiskSpec:
    image = directory / f"{name}.iso"
    image.write_bytes(bytes(1 << 20))
    return DiskSpec(volume_id=name, pool_id="p1", path=str(image), format="raw", read_only=True)


@has_media
async def test_a_medium_is_put_in_changed_and_taken_out_while_the_guest_runs(stand: Stand, tmp_path: Path) -> None:
    spec = await started(stand)

    for name in ("one", "two", None):
        medium = a_medium(tmp_path, name) if name else None
        outcome = await media(stand).change_medium(stand.host_id, spec.vm_id, medium, False, SOON_SECONDS)

        assert outcome.done, outcome
        assert await stand.medium_of(spec.vm_id) == (medium.path if medium else None)


@has_media
async def test_a_guest_that_is_not_there_is_given_none(stand: Stand, tmp_path: Path) -> None:
    medium = a_medium(tmp_path, "one")

    outcome = await media(stand).change_medium(stand.host_id, stand.spec().vm_id, medium, False, SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "no-such-guest")


async def test_a_guest_with_a_config_drive_starts_and_starts_again(stand: Stand) -> None:
    spec = await started(stand, drive=DRIVE)

    await stand.driver.destroy(stand.host_id, spec.vm_id, SOON_SECONDS)
    again = await stand.driver.start(stand.host_id, spec, SOON_SECONDS)

    assert again.done, again
