"""A config drive is an ISO image that a guest's system finds by its label; the file on the host is its guest's alone, and goes with it."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from pathlib import Path

import pytest
from pycdlib import PyCdlib

from mainstay_agent.drivers.libvirt.drives import Drives, image_of
from mainstay_proto.messages import ConfigDrive, DriveFile

KEYS, DATA = b'{"uuid": "vm1"}', bytes(range(256)) * 20
DRIVE = ConfigDrive(
    label="config-2",
    files=(
        DriveFile(names=("openstack/latest/meta_data.json",), content=b64encode(KEYS).decode()),
        DriveFile(
            names=("openstack/latest/user_data", "cloudstack/userdata/user_data.txt"), content=b64encode(DATA).decode()
        ),
        DriveFile(names=("cloudstack/password/vm_password.txt",), content=b64encode(b"s3cret").decode()),
    ),
)


@pytest.fixture
def drives(tmp_path: Path) -> Drives:
    return Drives(str(tmp_path / "drives"))


def read(image: bytes, view: str, name: str) -> bytes:
    disc, found = PyCdlib(), BytesIO()
    disc.open_fp(BytesIO(image))
    disc.get_file_from_iso_fp(found, **{view: f"/{name}"})
    disc.close()
    return found.getvalue()


@pytest.mark.parametrize("view", ["rr_path", "joliet_path"])
def test_linux_and_windows_read_the_same_files(view: str) -> None:
    image = image_of(DRIVE)

    assert read(image, view, "openstack/latest/meta_data.json") == KEYS
    assert read(image, view, "openstack/latest/user_data") == DATA
    assert read(image, view, "cloudstack/userdata/user_data.txt") == DATA


def test_its_label_is_the_one_that_is_looked_for() -> None:
    primary_volume_descriptor = image_of(DRIVE)[16 * 2048 :]

    assert primary_volume_descriptor[1:6] == b"CD001"
    assert primary_volume_descriptor[40:72].decode().strip() == "config-2"


def test_nobody_but_its_owner_reads_the_file(drives: Drives) -> None:
    drives.put("vm1", DRIVE)

    file = Path(drives.path("vm1"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o711
    assert [each.name for each in file.parent.iterdir()] == ["vm1.iso"]


def test_a_guest_that_is_started_without_one_has_none_left(drives: Drives) -> None:
    drives.put("vm1", DRIVE)

    drives.put("vm1", None)
    drives.put("vm1", None)

    assert not Path(drives.path("vm1")).exists()


def test_what_is_no_base64_is_no_drive() -> None:
    broken = ConfigDrive(label="config-2", files=(DriveFile(names=("a",), content="***"),))

    with pytest.raises(ValueError, match="base64"):
        image_of(broken)
