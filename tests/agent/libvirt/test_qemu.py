"""What only real QEMU can show: panics, signals, locked disks, displays, foreign domains, a target that dies in a migration."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import libvirt
import pytest
import pytest_asyncio

from mainstay_agent.driver import GuestChanged
from mainstay_agent.drivers.libvirt.connection import Connection
from mainstay_agent.drivers.libvirt.driver import LibvirtDriver
from mainstay_agent.drivers.libvirt.kvm_probe import kvm_runs_guests
from mainstay_proto.messages import DiskSpec, GuestState, NicSpec, RunState, StopCause
from mainstay_runtime.clock import SystemClock
from tests.agent.conformance.stand import (
    SOON_SECONDS,
    cause_of,
    eventually,
    heard,
    is_stop_of,
    report_of,
    started,
    state_of,
    successor,
)
from tests.agent.conformance.stand_libvirt import QemuStand, qemu_pair, qemu_stand
from tests.agent.conformance.test_media import DRIVE
from tests.kit import tiny_guest
from tests.kit.private_libvirtd import PrivateLibvirtd

pytestmark = pytest.mark.lab
FOREIGN_XML = (
    "<domain type='qemu'><name>foreign</name><uuid>{}</uuid><memory>16384</memory><os><type>hvm</type></os></domain>"
)
RFB_GREETING_BYTES = 12
VNC_AUTHENTICATION = 2
DEADLINE_SECONDS = 30.0


@pytest_asyncio.fixture
async def qemu(libvirtd: PrivateLibvirtd, tmp_path: Path) -> AsyncIterator[QemuStand]:
    async with qemu_stand(tmp_path, libvirtd) as stand:
        yield stand


@pytest_asyncio.fixture
async def pair(
    libvirtd: PrivateLibvirtd, second_libvirtd: PrivateLibvirtd, tmp_path: Path
) -> AsyncIterator[tuple[QemuStand, QemuStand]]:
    async with qemu_pair(tmp_path, (libvirtd, second_libvirtd)) as pair:
        yield pair


def defined(stand: QemuStand) -> list[str]:
    line = libvirt.open(stand.settings.uri)
    try:
        return [domain.UUIDString() for domain in line.listAllDomains()]
    finally:
        line.close()


# --- lines ---


async def test_a_line_whose_other_end_falls_silent_can_be_closed(
    libvirtd: PrivateLibvirtd, second_libvirtd: PrivateLibvirtd, tmp_path: Path
) -> None:
    async with qemu_pair(tmp_path, (libvirtd, second_libvirtd)) as (source, target):
        connection = Connection(source.settings, SystemClock(), lambda *_event: None)
        line = await asyncio.to_thread(connection.dial, target.settings.uri)
        second_libvirtd.hang()

        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.to_thread(close, line)

        second_libvirtd.wake()


def close(line: libvirt.virConnect) -> None:
    with contextlib.suppress(libvirt.libvirtError):
        line.close()


# --- ends ---


async def test_a_panic_is_a_crash(qemu: QemuStand) -> None:
    spec = await started(qemu)

    await qemu.panic(spec.vm_id)

    told = await heard(qemu, is_stop_of(spec.vm_id))
    assert isinstance(told, GuestChanged)
    assert told.cause is StopCause.CRASHED
    assert not qemu.daemon.guest_is_there(spec.vm_id)


async def test_a_polite_signal_to_the_process_is_an_outsiders_deed(qemu: QemuStand) -> None:
    spec = await started(qemu)
    await qemu.booted(spec.vm_id)

    await qemu.terminate_by_outsider(spec.vm_id)

    assert await cause_of(qemu, spec.vm_id) is StopCause.OUTSIDER


async def test_a_kill_is_told_within_a_second(qemu: QemuStand) -> None:
    spec = await started(qemu)

    begun = time.perf_counter()
    await qemu.crash(spec.vm_id)
    await heard(qemu, is_stop_of(spec.vm_id))

    assert time.perf_counter() - begun < 1.0


async def test_a_guest_that_obeys_a_reboot_boots_again(qemu: QemuStand) -> None:
    spec = await started(qemu)
    await qemu.booted(spec.vm_id)

    outcome = await qemu.driver.reboot(qemu.host_id, spec.vm_id, False, SOON_SECONDS)

    async def has_booted_twice() -> bool:
        return qemu.console(spec.vm_id).read_bytes().count(tiny_guest.BOOTED) == 2

    assert outcome.done
    await eventually(has_booted_twice)
    assert await state_of(qemu, spec.vm_id) is GuestState.RUNNING


async def test_a_medium_in_the_drive_is_read_by_two_guests_at_once(qemu: QemuStand, tmp_path: Path) -> None:
    iso = tmp_path / "rescue.iso"
    iso.write_bytes(bytes(1 << 20))
    medium = DiskSpec(volume_id="iso", pool_id="pool", path=str(iso), format="raw", read_only=True)

    for spec in (qemu.spec(), qemu.spec()):
        outcome = await qemu.driver.start(qemu.host_id, replace(spec, disks=(*spec.disks, medium)), SOON_SECONDS)

        assert outcome.done, outcome


async def test_a_medium_that_is_not_there_leaves_the_old_one_in(qemu: QemuStand, tmp_path: Path) -> None:
    iso = tmp_path / "one.iso"
    iso.write_bytes(bytes(1 << 20))
    medium = DiskSpec(volume_id="one", pool_id="pool", path=str(iso), format="raw", read_only=True)
    spec = qemu.spec()
    spec = await started(qemu, disks=(*spec.disks, medium))
    lost = replace(medium, volume_id="lost", path=str(tmp_path / "lost.iso"))

    outcome = await qemu.driver.change_medium(qemu.host_id, spec.vm_id, lost, False, SOON_SECONDS)

    assert outcome.state is RunState.FAILED
    assert await qemu.medium_of(spec.vm_id) == medium.path


async def test_a_config_drive_is_its_guests_alone_and_goes_with_its_definition(qemu: QemuStand) -> None:
    spec = await started(qemu, drive=DRIVE)
    file = Path(qemu.settings.drives_dir) / f"{spec.vm_id}.iso"
    assert file.stat().st_mode & 0o777 == 0o600

    await qemu.crash(spec.vm_id)
    await heard(qemu, is_stop_of(spec.vm_id))
    kept_for_a_restart = file.exists()
    await qemu.driver.forget(qemu.host_id, spec.vm_id, SOON_SECONDS)

    assert (kept_for_a_restart, file.exists()) == (True, False)


async def test_a_guest_that_was_shut_down_leaves_no_config_drive(qemu: QemuStand) -> None:
    spec = await started(qemu, drive=DRIVE)
    await qemu.booted(spec.vm_id)

    outcome = await qemu.driver.shutdown(qemu.host_id, spec.vm_id, SOON_SECONDS, SOON_SECONDS)

    assert outcome.done
    assert list(Path(qemu.settings.drives_dir).iterdir()) == []


async def test_a_start_that_fails_leaves_no_config_drive(qemu: QemuStand) -> None:
    spec = qemu.spec(drive=DRIVE)
    Path(spec.disks[0].path).unlink()

    await qemu.driver.start(qemu.host_id, spec, SOON_SECONDS)

    assert list(Path(qemu.settings.drives_dir).iterdir()) == []


# --- starts that cannot be ---


async def test_a_disk_that_another_guest_has_is_locked(qemu: QemuStand) -> None:
    owner = await started(qemu)
    rival = qemu.spec(disks=owner.disks)

    outcome = await qemu.driver.start(qemu.host_id, rival, SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.FAILED, "locked")
    assert await state_of(qemu, rival.vm_id) is None
    assert rival.vm_id not in defined(qemu)


async def test_a_start_that_fails_leaves_nothing(qemu: QemuStand) -> None:
    spec = qemu.spec()
    Path(spec.disks[0].path).unlink()

    outcome = await qemu.driver.start(qemu.host_id, spec, SOON_SECONDS)

    assert outcome.state is RunState.FAILED
    assert spec.disks[0].path in outcome.detail
    assert await state_of(qemu, spec.vm_id) is None
    assert spec.vm_id not in defined(qemu)


async def test_a_missing_bridge_is_named(qemu: QemuStand) -> None:
    nic = NicSpec(nic_id="n1", mac="52:54:00:00:00:01", bridge="br-absent")

    outcome = await qemu.driver.start(qemu.host_id, qemu.spec(nics=(nic,)), SOON_SECONDS)

    assert outcome.state is RunState.FAILED
    assert "br-absent" in outcome.detail


async def test_more_memory_than_the_host_has_is_refused_by_its_field(qemu: QemuStand) -> None:
    spec = qemu.spec(memory_mib=(qemu.settings.memory_mib or 0) + 1)

    outcome = await qemu.driver.start(qemu.host_id, spec, SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "bad-input")
    assert outcome.detail.startswith("memory_mib:")


async def test_a_failed_start_does_not_hide_how_the_guest_ended_before(qemu: QemuStand) -> None:
    spec = await started(qemu)
    await qemu.crash(spec.vm_id)
    assert await cause_of(qemu, spec.vm_id) is StopCause.CRASHED

    Path(spec.disks[0].path).unlink()
    await qemu.driver.start(qemu.host_id, successor(spec), SOON_SECONDS)

    assert await cause_of(qemu, spec.vm_id) is StopCause.CRASHED


# --- what is on the host beside our orders ---


async def test_a_domain_that_is_not_ours_is_neither_told_nor_touched(qemu: QemuStand) -> None:
    spec = qemu.spec()
    line = libvirt.open(qemu.settings.uri)
    foreign = line.defineXML(FOREIGN_XML.format(spec.vm_id))

    start = await qemu.driver.start(qemu.host_id, spec, SOON_SECONDS)
    destroy = await qemu.driver.destroy(qemu.host_id, spec.vm_id, SOON_SECONDS)

    assert (start.state, start.code) == (RunState.REFUSED, "foreign-guest")
    assert (destroy.state, destroy.code) == (RunState.REFUSED, "foreign-guest")
    assert await state_of(qemu, spec.vm_id) is None
    assert spec.vm_id in defined(qemu)
    foreign.undefine()
    line.close()


async def test_an_agent_that_remembers_nothing_finds_its_guests_by_their_stamp(qemu: QemuStand, tmp_path: Path) -> None:
    running, crashed = await started(qemu), await started(qemu)
    await qemu.stop_agent()
    await qemu.crash(crashed.vm_id)

    qemu.driver = LibvirtDriver(replace(qemu.settings, state_dir=str(tmp_path / "fresh")), SystemClock())
    await qemu.driver.open()

    report = await report_of(qemu, running.vm_id)
    assert report is not None
    assert (report.state, report.epoch) == (GuestState.RUNNING, running.epoch)
    assert await cause_of(qemu, crashed.vm_id) is StopCause.CRASHED


async def test_the_display_asks_for_its_password(qemu: QemuStand) -> None:
    outcome = await qemu.driver.start(qemu.host_id, qemu.spec(vnc_password="s3cret"), SOON_SECONDS)

    display = dict(outcome.answer)
    async with asyncio.timeout(SOON_SECONDS):
        reader, writer = await asyncio.open_connection(display["vnc_host"], int(display["vnc_port"]))
        writer.write(await reader.readexactly(RFB_GREETING_BYTES))
        ways = await reader.readexactly((await reader.readexactly(1))[0])
        writer.close()

    assert display["vnc_host"] == qemu.daemon.address
    assert list(ways) == [VNC_AUTHENTICATION]


async def test_the_load_of_host_and_guests_is_told(qemu: QemuStand) -> None:
    spec = await started(qemu)
    await qemu.driver.load(qemu.host_id, SOON_SECONDS)
    await asyncio.sleep(0.5)

    load = await qemu.driver.load(qemu.host_id, SOON_SECONDS)

    assert load is not None
    assert 0 <= load.cpu_used_percent <= 100
    assert load.memory_used_mib > 0
    (cpu_percent,) = [percent for vm_id, percent, _memory in load.guests if vm_id == spec.vm_id]
    assert cpu_percent > 0


# --- a daemon that hangs ---


async def test_a_driver_closes_in_time_while_its_daemon_hangs(qemu: QemuStand) -> None:
    qemu.daemon.hang()

    begun = time.perf_counter()
    await qemu.driver.close()
    took = time.perf_counter() - begun

    qemu.daemon.wake()
    await qemu.start_agent()
    assert took < 5.0


# --- migration ---


async def test_a_target_whose_daemon_dies_on_the_way_gets_no_running_copy(pair: tuple[QemuStand, QemuStand]) -> None:
    source, target = pair
    spec = await started(source)
    await source.booted(spec.vm_id)
    await target.driver.expect_incoming(target.host_id, successor(spec), SOON_SECONDS)

    async def on_its_way() -> bool:
        status = await source.driver.migration_status(source.host_id, spec.vm_id)
        return status is not None and status.remaining_bytes > 0

    async with asyncio.TaskGroup() as group:
        moving = group.create_task(source.driver.migrate(source.host_id, spec.vm_id, target.url, 8, 1, SOON_SECONDS))
        await eventually(on_its_way)
        target.daemon.kill()
    outcome = moving.result()

    assert outcome.state is RunState.FAILED
    assert await state_of(source, spec.vm_id) is GuestState.RUNNING
    await target.daemon.ready()

    async def dropped() -> bool:
        return (await target.driver.drop_incoming(target.host_id, spec.vm_id, 8, SOON_SECONDS)).done

    await eventually(dropped)
    assert await state_of(target, spec.vm_id) in (None, GuestState.STOPPED)


async def test_a_target_that_is_not_there_is_refused(qemu: QemuStand) -> None:
    spec = await started(qemu)

    outcome = await qemu.driver.migrate(
        qemu.host_id, spec.vm_id, "qemu+tcp://127.0.0.1:1/system", 8, None, SOON_SECONDS
    )

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "unreachable")
    assert await state_of(qemu, spec.vm_id) is GuestState.RUNNING


# --- KVM ---


async def test_the_probe_for_kvm_ends_in_time_whatever_kvm_does() -> None:
    begun = time.perf_counter()
    answer = await kvm_runs_guests()

    assert answer in (True, False)
    assert time.perf_counter() - begun < 5.0
