"""Live migration, as blocking stories over one libvirt connection.

libvirt, when the target's last answer is lost, resumes the source and hopes that a lock manager sorts it out.  So here the target's copy
arrives paused, under the next epoch, and is told to run only after libvirt has confirmed that the source's copy is gone: whatever
is lost on the way, at most one of them runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import libvirt

from mainstay_agent.driver import DONE, MigrationStatus, Outcome, failed, refused, unknown
from mainstay_agent.drivers.libvirt import domain_xml
from mainstay_agent.drivers.libvirt.deeds import NO_SUCH_GUEST, active, destroy, epoch_of, find, foreign
from mainstay_agent.drivers.libvirt.drives import Drives
from mainstay_proto.messages import GuestSpec

FLAGS = (
    libvirt.VIR_MIGRATE_LIVE
    | libvirt.VIR_MIGRATE_PEER2PEER
    | libvirt.VIR_MIGRATE_PAUSED
    | libvirt.VIR_MIGRATE_PERSIST_DEST
    | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    | libvirt.VIR_MIGRATE_ABORT_ON_ERROR
    | libvirt.VIR_MIGRATE_AUTO_CONVERGE
    # libvirt knows a few filesystems as shared; which pools are, the one who orders knows.  Caches are off on all disks.
    | libvirt.VIR_MIGRATE_UNSAFE
)
NOT_MIGRATING = refused("no-migration")


def expect(line: libvirt.virConnect, spec: GuestSpec, drives: Drives) -> Outcome:
    """Room for what comes, and its config drive: an old definition goes, a running copy stays."""
    cleared = _clear(line, spec, drives)
    if cleared.done:
        drives.put(spec.vm_id, spec.drive)
    return cleared


def _clear(line: libvirt.virConnect, spec: GuestSpec, drives: Drives) -> Outcome:
    if (domain := find(line, spec.vm_id)) is None:
        return DONE
    if (standing := epoch_of(domain)) is None:
        return foreign(domain)
    if domain.isActive():
        return DONE if standing == spec.epoch else refused("running-other-epoch", f"epoch {standing} runs here")
    return destroy(line, spec.vm_id, drives)


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One migration, as ordered; `called_off` when its order was given up before libvirt had begun."""

    vm_id: str
    target_url: str
    target_epoch: int
    bandwidth_mib: int | None = None
    called_off: threading.Event = field(default_factory=threading.Event)


def migrate(
    line: libvirt.virConnect, journey: Journey, drives: Drives, dial: Callable[[str], libvirt.virConnect]
) -> Outcome:
    if (domain := active(line, journey.vm_id)) is None:
        return NO_SUCH_GUEST
    if domain.state()[0] != libvirt.VIR_DOMAIN_RUNNING:
        return refused("wrong-state", "only a running guest migrates")
    try:
        target = dial(journey.target_url)
    except libvirt.libvirtError as error:
        return refused("unreachable", str(error))
    try:
        outcome = hand_over(domain, target, journey)
    finally:
        target.close()
    if outcome.done:
        drives.remove(journey.vm_id)
    return outcome


def hand_over(domain: libvirt.virDomain, target: libvirt.virConnect, journey: Journey) -> Outcome:
    parameters = _parameters(domain, journey)
    if journey.called_off.is_set():
        return failed("aborted", "before it began")
    try:
        domain.migrateToURI3(journey.target_url, parameters, FLAGS)
    except libvirt.libvirtError as error:
        return _what_is_left(domain, error)
    try:
        target.lookupByUUIDString(journey.vm_id).resume()
    except libvirt.libvirtError as error:
        return unknown("not-resumed", f"the source's copy is gone, the target's was not told to run: {error}")
    return DONE


def _parameters(domain: libvirt.virDomain, journey: Journey) -> dict[str, str | int]:
    live = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_MIGRATABLE)
    there = domain_xml.for_target(live, journey.target_epoch, journey.target_url)
    parameters: dict[str, str | int] = {
        libvirt.VIR_MIGRATE_PARAM_DEST_XML: there,
        libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: there,
    }
    if journey.bandwidth_mib is not None:
        parameters[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = journey.bandwidth_mib
    return parameters


def _what_is_left(domain: libvirt.virDomain, error: libvirt.libvirtError) -> Outcome:
    """After a migration that libvirt calls failed.  Raises when the source's daemon cannot be asked."""
    state, _reason = domain.state()
    if state != libvirt.VIR_DOMAIN_RUNNING:
        return unknown("not-running-here", str(error))
    aborted = error.get_error_code() == libvirt.VIR_ERR_OPERATION_ABORTED
    return failed("aborted" if aborted else "migration-failed", str(error))


def status(line: libvirt.virConnect, vm_id: str) -> MigrationStatus | None:
    if (domain := active(line, vm_id)) is None:
        return None
    job = domain.jobStats()
    if job.get("type", libvirt.VIR_DOMAIN_JOB_NONE) == libvirt.VIR_DOMAIN_JOB_NONE:
        return None
    remaining, processed = job.get("memory_remaining", 0), job.get("memory_processed", 0)
    percent = 100 * processed // (processed + remaining) if processed + remaining else 0
    return MigrationStatus(percent=percent, remaining_bytes=remaining, phase="memory")


def abort(line: libvirt.virConnect, vm_id: str) -> Outcome:
    if (domain := active(line, vm_id)) is None:
        return NO_SUCH_GUEST
    try:
        domain.abortJob()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
            return NOT_MIGRATING
        raise
    return DONE


def drop(line: libvirt.virConnect, vm_id: str, epoch: int, drives: Drives) -> Outcome:
    """The migration did not happen.  A copy that runs has won, and stays."""
    domain = find(line, vm_id)
    if domain is not None and epoch_of(domain) != epoch:
        return DONE
    if domain is not None and domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING:
        return refused("running")
    return destroy(line, vm_id, drives)
