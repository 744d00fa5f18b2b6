"""A driver that cannot reach its daemon says so, and can be asked again."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay_agent.drivers.libvirt.driver import LibvirtDriver
from mainstay_agent.drivers.libvirt.settings import DomainType, LibvirtSettings
from mainstay_proto.messages import GuestSpec, RunState
from mainstay_runtime.clock import SystemClock
from mainstay_runtime.errors import Unavailable

VM_ID = "0a1b2c3d-0000-4000-8000-00000000002a"


def a_driver(directory: Path) -> LibvirtDriver:
    settings = LibvirtSettings(
        uri=f"qemu+unix:///system?socket={directory}/absent",
        host_id="h1",
        name="h1",
        ip="127.0.0.1",
        state_dir=str(directory / "state"),
        domain_type=DomainType.QEMU,
    )
    return LibvirtDriver(settings, SystemClock())


async def test_an_absent_daemon_is_unavailable_every_time(tmp_path: Path) -> None:
    driver = a_driver(tmp_path)

    for _attempt in range(2):
        with pytest.raises(Unavailable, match="absent"):
            await driver.open()


async def test_without_a_daemon_nothing_is_known_and_nothing_is_changed(tmp_path: Path) -> None:
    driver = a_driver(tmp_path)
    with pytest.raises(Unavailable):
        await driver.open()

    start = await driver.start("h1", GuestSpec(vm_id=VM_ID, name="x", epoch=1, vcpus=1, cpu_mhz=1, memory_mib=1), 1.0)

    assert await driver.guests("h1", 1.0) is None
    assert (start.state, start.code) == (RunState.REFUSED, "unavailable")
    await driver.close()
