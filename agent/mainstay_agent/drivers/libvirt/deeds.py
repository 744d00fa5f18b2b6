"""What is done to guests, as plain blocking stories over one libvirt connection; each runs in a thread of its own.

A domain is persistent while its guest may still be asked about, so that libvirt itself remembers how it ended over a restart of its
daemon; never autostarted, so that after a boot nothing runs before somebody orders it.  Its config drive goes with its definition, or when
it was shut down by order."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import libvirt

from mainstay_agent.driver import DONE, Outcome, failed, refused
from mainstay_agent.drivers.libvirt import domain_xml
from mainstay_agent.drivers.libvirt.domain_xml import NAMESPACE, Habitat
from mainstay_agent.drivers.libvirt.drives import Drives
from mainstay_agent.drivers.libvirt.meanings import Sighting, Sightings
from mainstay_proto.messages import DiskSpec, GuestSpec

NO_SUCH_GUEST = refused("no-such-guest")
NOT_RUNNING = refused("not-running")
NO_DRIVE = refused("no-drive", "the guest was started without a drive for media; it has one from its next start on")
STILL_ON = refused("still-on")
STILL_HELD = refused("still-held")
UNPLUG_IS_PENDING = (libvirt.VIR_ERR_OPERATION_FAILED, libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_DEVICE_MISSING)
UNDEFINE_ALL = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA


# --- questions ---


def find(line: libvirt.virConnect, vm_id: str) -> libvirt.virDomain | None:
    try:
        return line.lookupByUUIDString(vm_id)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def epoch_of(domain: libvirt.virDomain) -> int | None:
    """None: the domain is not ours."""
    try:
        return domain_xml.epoch_in(domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE))
    except libvirt.libvirtError as error:
        if error.get_error_code() in (libvirt.VIR_ERR_NO_DOMAIN_METADATA, libvirt.VIR_ERR_NO_DOMAIN):
            return None
        raise


def look(line: libvirt.virConnect, trusted: frozenset[str], migrating: frozenset[str]) -> Sightings:
    """All domains, in one bulk call that waits for no guest's monitor and touches no storage.

    The epoch is read of those not in `trusted`; whether a migration is under way, of those in `migrating`."""
    bulk = line.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT)
    sightings = {}
    for domain, facts in bulk:
        vm_id = domain.UUIDString()
        sightings[vm_id] = Sighting(
            state=facts.get("state.state", libvirt.VIR_DOMAIN_NOSTATE),
            reason=facts.get("state.reason", 0),
            epoch=None if vm_id in trusted else epoch_of(domain),
            migrating=vm_id in migrating and _has_job(domain),
        )
    return sightings


def _has_job(domain: libvirt.virDomain) -> bool:
    with contextlib.suppress(libvirt.libvirtError):
        return bool(domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE)
    return False


# --- life ---


def standing(line: libvirt.virConnect, spec: GuestSpec) -> Outcome:
    """What a start would find."""
    if (domain := find(line, spec.vm_id)) is None:
        return NOT_RUNNING
    if epoch_of(domain) is None:
        return foreign(domain)
    return _runs_already(domain, spec) if domain.isActive() else NOT_RUNNING


def start(
    line: libvirt.virConnect, spec: GuestSpec, habitat: Habitat, drives: Drives, revoked: threading.Event
) -> Outcome:
    """`revoked` is set by a destroy that came while this was on its way."""
    if spec.drive is not None:
        habitat = replace(habitat, drive=drives.path(spec.vm_id))
    xml = domain_xml.build(spec, habitat)
    found = standing(line, spec)
    if found is not NOT_RUNNING:
        return found
    if (leftover := find(line, spec.vm_id)) is not None:
        _undefine(leftover, drives)
    drives.put(spec.vm_id, spec.drive)
    domain = line.defineXML(xml)
    try:
        if revoked.is_set():
            _undefine(domain, drives)
            return failed("destroyed", "a destroy overtook this start")
        domain.create()
    except libvirt.libvirtError:
        if line.isAlive() and domain.isActive():  # started meanwhile by a call that an earlier agent left behind
            return _runs_already(domain, spec)
        if line.isAlive():
            _undefine(domain, drives)
        raise
    return replace(DONE, answer=_display_of(domain))


def _runs_already(domain: libvirt.virDomain, spec: GuestSpec) -> Outcome:
    epoch = epoch_of(domain)
    if epoch != spec.epoch:
        return refused("running-other-epoch", f"epoch {epoch} runs here")
    return replace(DONE, answer=_display_of(domain))


def _display_of(domain: libvirt.virDomain) -> tuple[tuple[str, str], ...]:
    graphics = ET.fromstring(domain.XMLDesc()).find("devices/graphics[@type='vnc']")
    if graphics is None:
        return ()
    return (("vnc_host", graphics.get("listen", "")), ("vnc_port", graphics.get("port", "")))


def foreign(domain: libvirt.virDomain) -> Outcome:
    return refused("foreign-guest", f"{domain.name()} has this id and is not ours")


def destroy(line: libvirt.virConnect, vm_id: str, drives: Drives) -> Outcome:
    """Until libvirt does not know it any more: what is not defined cannot be started by a call still in the air."""
    while (domain := find(line, vm_id)) is not None:
        if epoch_of(domain) is None:
            return foreign(domain)
        if domain.isActive():
            with _unless_gone():
                domain.destroy()
        _undefine(domain, drives)
    drives.remove(vm_id)
    return DONE


def forget(line: libvirt.virConnect, vm_id: str, drives: Drives) -> Outcome:
    domain = find(line, vm_id)
    if domain is not None and domain.isActive():
        return refused("running")
    if domain is not None:
        _undefine(domain, drives)
    drives.remove(vm_id)
    return DONE


def _undefine(domain: libvirt.virDomain, drives: Drives) -> None:
    with _unless_gone():
        domain.undefineFlags(UNDEFINE_ALL)
    drives.remove(domain.UUIDString())


@contextlib.contextmanager
def _unless_gone() -> Iterator[None]:
    """A guest may end, and a transient one vanish, between a look and a deed."""
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() not in (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID):
            raise


def press_power_button(line: libvirt.virConnect, vm_id: str) -> Outcome:
    if (domain := active(line, vm_id)) is not None:
        domain.shutdown()
    return DONE


def is_off(line: libvirt.virConnect, vm_id: str, drives: Drives) -> Outcome:
    """After a shutdown by order: whoever starts it again brings its config drive along."""
    if active(line, vm_id) is not None:
        return STILL_ON
    drives.remove(vm_id)
    return DONE


def reboot(line: libvirt.virConnect, vm_id: str, forced: bool) -> Outcome:
    if (domain := active(line, vm_id)) is None:
        return NO_SUCH_GUEST
    if forced:
        domain.reset()
    else:
        domain.reboot()
    return DONE


def resume(line: libvirt.virConnect, vm_id: str) -> Outcome:
    if (domain := active(line, vm_id)) is None:
        return NO_SUCH_GUEST
    state, reason = domain.state()
    if state == libvirt.VIR_DOMAIN_PAUSED and reason == libvirt.VIR_DOMAIN_PAUSED_MIGRATION:
        return refused("migrating", "its other copy may run")
    if state == libvirt.VIR_DOMAIN_PAUSED:
        domain.resume()
    return DONE


def change_medium(line: libvirt.virConnect, vm_id: str, medium: DiskSpec | None, forced: bool) -> Outcome:
    """What its definition says matters to nobody: a start defines it anew."""
    if (domain := active(line, vm_id)) is None:
        return NO_SUCH_GUEST
    if not domain_xml.has_medium_drive(domain.XMLDesc()):
        return NO_DRIVE
    drive = ET.tostring(domain_xml.medium_drive(medium), encoding="unicode")
    force = libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE if forced else 0
    domain.updateDeviceFlags(drive, libvirt.VIR_DOMAIN_AFFECT_LIVE | force)
    return DONE


def attach_disk(line: libvirt.virConnect, vm_id: str, disk: DiskSpec) -> Outcome:
    if (domain := active(line, vm_id)) is None:
        return NO_SUCH_GUEST
    running = domain.XMLDesc()
    if domain_xml.disk_in(running, disk) is None:
        domain.attachDeviceFlags(domain_xml.one_more_disk(running, disk), libvirt.VIR_DOMAIN_AFFECT_LIVE)
    return DONE


def detach_disk(line: libvirt.virConnect, vm_id: str, disk: DiskSpec) -> Outcome:
    """Asks the guest anew whenever it is called; what it was asked before it may still do."""
    if (domain := active(line, vm_id)) is None:
        return NO_SUCH_GUEST
    element = domain_xml.disk_in(domain.XMLDesc(), disk)
    if element is None:
        return DONE
    try:
        domain.detachDeviceFlags(ET.tostring(element, encoding="unicode"), libvirt.VIR_DOMAIN_AFFECT_LIVE)
    except libvirt.libvirtError as error:
        if error.get_error_code() not in UNPLUG_IS_PENDING:
            raise
    return STILL_HELD


def grow_disk(line: libvirt.virConnect, vm_id: str, disk: DiskSpec) -> Outcome:
    if (domain := active(line, vm_id)) is None:
        return NO_SUCH_GUEST
    if domain_xml.disk_in(domain.XMLDesc(), disk) is None:
        return failed("no-such-disk", f"the guest has no disk {disk.path}")
    if domain.blockInfo(disk.path)[0] < disk.size_bytes:
        domain.blockResize(disk.path, disk.size_bytes, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
    return DONE


def active(line: libvirt.virConnect, vm_id: str) -> libvirt.virDomain | None:
    domain = find(line, vm_id)
    return domain if domain is not None and domain.isActive() else None
