"""Pools and images as a host finds them; what is wrong is said by name, and a pool that hangs is given up."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mainstay_agent.driver import Outcome
from mainstay_agent.drivers.libvirt.volumes import Volumes
from mainstay_proto.messages import DiskSpec, PoolMount, RunState
from tests.kit.needs import needs

MIB = 1 << 20
SOON_SECONDS = 20.0


@pytest.fixture(autouse=True)
def parts() -> None:
    needs("qemu-img")


def an_image(path: Path, *options: str, size: str = "4M") -> Path:
    subprocess.run(["qemu-img", "create", "-q", *options, str(path), size], check=True)
    return path


def written(image: Path) -> None:
    """A megabyte of sevens."""
    subprocess.run(["qemu-io", "-c", "write -P 7 0 1M", str(image)], check=True, stdout=subprocess.DEVNULL)


def a_disk(path: Path, **changes: object) -> DiskSpec:
    return DiskSpec(pool_id="p1", path=str(path), **{"volume_id": "v1", "size_bytes": 8 * MIB, **changes})  # type: ignore[arg-type]


async def check(path: Path | str, *, shared: bool = False, image: Path | None = None) -> Outcome:
    mount = PoolMount(pool_id="p1", path=str(path), shared=shared)
    return await Volumes().check(mount, None if image is None else str(image), SOON_SECONDS)


def virtual_size(path: Path) -> str:
    told = subprocess.run(["qemu-img", "info", str(path)], capture_output=True, text=True, check=True)
    return told.stdout


# --- pools ---


async def test_a_pool_that_is_there_tells_its_size(tmp_path: Path) -> None:
    outcome = await check(tmp_path)

    facts = dict(outcome.answer)
    assert outcome.done, outcome
    assert (facts["mounted"], facts["leases"]) == ("true", "false")
    assert 0 < int(facts["used_bytes"]) <= int(facts["total_bytes"])
    assert list(tmp_path.iterdir()) == []


async def test_a_pool_with_a_lease_file_says_so(tmp_path: Path) -> None:
    (tmp_path / ".mainstay").mkdir()
    (tmp_path / ".mainstay/leases").touch()

    assert dict((await check(tmp_path)).answer)["leases"] == "true"


async def test_a_shared_pool_must_be_a_mount(tmp_path: Path) -> None:
    plain, mounted = await check(tmp_path, shared=True), await check("/proc/", shared=True)

    assert (plain.state, plain.code) == (RunState.REFUSED, "not-mounted")
    assert str(tmp_path) in plain.detail
    assert mounted.code != "not-mounted"


async def test_a_pool_that_is_missing_is_not_mounted(tmp_path: Path) -> None:
    outcome = await check(tmp_path / "absent")

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "not-mounted")


async def test_a_pool_that_cannot_be_written_is_refused() -> None:
    outcome = await check("/proc")

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "not-writable")


async def test_a_pool_that_hangs_is_given_up_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = tmp_path / "qemu-img"
    sleeper.write_text("#!/bin/sh\nsleep 60\n")
    sleeper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    image = tmp_path / "image.raw"
    image.write_bytes(bytes(512))

    outcome = await Volumes().check(PoolMount(pool_id="p1", path=str(tmp_path), shared=False), str(image), 1.0)

    assert (outcome.state, outcome.code) == (RunState.UNKNOWN, "deadline")


# --- images ---


@pytest.mark.parametrize("image_format", ["qcow2", "raw"])
async def test_an_image_tells_its_format_and_size(tmp_path: Path, image_format: str) -> None:
    image = an_image(tmp_path / "image", "-f", image_format)

    facts = dict((await check(tmp_path, image=image)).answer)

    assert (facts["image_format"], facts["image_bytes"]) == (image_format, str(4 * MIB))


@pytest.mark.parametrize("content", [b"", b"just a text\n", b"QFI\xfb and no more"])
async def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    image = tmp_path / "template"
    image.write_bytes(content)

    outcome = await check(tmp_path, image=image)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "not-an-image")
    assert str(image) in outcome.detail


async def test_an_image_that_is_missing_is_named(tmp_path: Path) -> None:
    outcome = await check(tmp_path, image=tmp_path / "absent")

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "no-such-image")


async def test_a_template_that_points_at_another_file_is_refused(tmp_path: Path) -> None:
    secret = an_image(tmp_path / "secret", "-f", "raw")
    sly = an_image(tmp_path / "sly", "-f", "qcow2", "-b", str(secret), "-F", "raw")

    outcome = await check(tmp_path, image=sly)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "not-an-image")


# --- disks ---


async def test_a_disk_from_a_template_is_at_least_as_large(tmp_path: Path) -> None:
    template = an_image(tmp_path / "template", "-f", "qcow2", size="16M")
    path = tmp_path / "disk.qcow2"

    outcome = await Volumes().prepare(a_disk(path, backing_path=str(template)), SOON_SECONDS)

    assert outcome.done, outcome
    assert "16 MiB" in virtual_size(path)
    assert str(template) in virtual_size(path)


async def test_a_raw_disk_gets_a_copy_of_its_template(tmp_path: Path) -> None:
    template = an_image(tmp_path / "template", "-f", "qcow2")
    path = tmp_path / "disk.raw"

    outcome = await Volumes().prepare(a_disk(path, format="raw", backing_path=str(template)), SOON_SECONDS)

    assert outcome.done, outcome
    assert path.stat().st_size == 8 * MIB


async def test_a_disk_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    text = tmp_path / "template"
    text.write_text("no image")

    outcome = await Volumes().prepare(a_disk(tmp_path / "disk", backing_path=str(text)), SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "not-an-image")
    assert [file.name for file in tmp_path.iterdir()] == ["template"]


async def test_a_disk_without_size_or_template_is_refused_by_its_field(tmp_path: Path) -> None:
    outcome = await Volumes().prepare(a_disk(tmp_path / "disk", size_bytes=0), SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "bad-input")
    assert outcome.detail.startswith("size_bytes:")


async def test_a_file_that_is_nobodys_volume_is_neither_taken_nor_removed(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("precious")

    taken = await Volumes().prepare(a_disk(path), SOON_SECONDS)
    removed = await Volumes().remove(a_disk(path), SOON_SECONDS)

    assert (taken.code, removed.code) == ("volume-exists", "volume-exists")
    assert path.read_text() == "precious"


async def test_a_disk_whose_making_was_interrupted_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    (tmp_path / "disk.owner").touch()
    (tmp_path / "disk.partial").write_text("half")

    outcome = await Volumes().prepare(a_disk(path), SOON_SECONDS)

    assert outcome.done, outcome
    assert sorted(file.name for file in tmp_path.iterdir()) == ["disk", "disk.owner"]


async def test_a_disk_that_stands_on_its_template_is_copied_whole(tmp_path: Path) -> None:
    template = an_image(tmp_path / "template.qcow2", "-f", "qcow2")
    written(template)
    disk = a_disk(tmp_path / "v1.qcow2", format="qcow2", backing_path=str(template))
    copy = a_disk(tmp_path / "v2.raw", volume_id="v2", format="raw", backing_path=str(tmp_path / "v1.qcow2"))

    made = [await Volumes().prepare(each, SOON_SECONDS) for each in (disk, copy)]

    assert all(each.done for each in made), made
    assert (tmp_path / "v2.raw").read_bytes() == b"\x07" * MIB + bytes(7 * MIB)


async def test_what_a_guest_wrote_into_its_raw_disk_is_never_taken_for_an_image(tmp_path: Path) -> None:
    secret = an_image(tmp_path / "secret.raw", "-f", "raw")
    disk, copy = a_disk(tmp_path / "v1.raw"), a_disk(tmp_path / "v2.raw", volume_id="v2")
    await Volumes().prepare(replace(disk, format="raw"), SOON_SECONDS)
    forged = an_image(tmp_path / "forged.qcow2", "-f", "qcow2", "-b", str(secret), "-F", "raw", size="8M").read_bytes()
    with (tmp_path / "v1.raw").open("r+b") as file:
        file.write(forged)

    made = await Volumes().prepare(replace(copy, format="raw", backing_path=str(tmp_path / "v1.raw")), SOON_SECONDS)

    assert made.done, made
    assert (tmp_path / "v2.raw").read_bytes()[: len(forged)] == forged
