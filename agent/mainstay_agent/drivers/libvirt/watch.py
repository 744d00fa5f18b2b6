"""The guests of one host as records, kept true by what is heard and seen.

libvirt's events come late or not at all, a look is already old when it arrives, and our own calls change things meanwhile.  So a record that
changed while a look was under way is left alone, and a start that is not yet heard of is no run that could end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from mainstay_agent.driver import EventFeed, HypervisorBack, HypervisorLost
from mainstay_agent.drivers.libvirt.meanings import Sighting, Sightings, ended, hear, report, running, settle
from mainstay_agent.drivers.libvirt.records import Intent, Phase, Record, Records
from mainstay_proto.messages import GuestReport, StopCause


class Watch:
    def __init__(self, host_id: str, records: Records, feed: EventFeed, start_is_out: Callable[[str], bool]) -> None:
        """`start_is_out` tells whether a start of that guest is still somewhere between us and libvirt."""
        self._host_id = host_id
        self._records = records
        self._feed = feed
        self._start_is_out = start_is_out

    # --- from the hypervisor ---

    def heard(self, vm_id: str, event: int, detail: int) -> None:
        """A guest without a record is not ours, or not known before the next look."""
        if (record := self._records.get(vm_id)) is None:
            return
        told = hear(record, event, detail, self._host_id)
        if told.event is not None:
            self._feed.tell(told.event)
        self._records.put(told.record)

    def lost(self) -> None:
        self._feed.tell(HypervisorLost(host_id=self._host_id))

    def back(self) -> None:
        self._feed.tell(HypervisorBack(host_id=self._host_id))

    def misses_an_event(self, before: Mapping[str, Record], sightings: Sightings) -> bool:
        """A guest is seen to have ended and the event that says how is still on its way."""
        return any(
            record.phase is Phase.RUNNING
            and self._records.get(vm_id) is record
            and not _is_active(sightings.get(vm_id))
            for vm_id, record in before.items()
        )

    def saw(self, before: Mapping[str, Record], sightings: Sightings, *, afresh: bool) -> tuple[GuestReport, ...]:
        """A look at all domains; `before`: the records when it was begun.

        `afresh`, over a new connection: epochs were read of all, and no event of an older run can still be on its way."""
        reports = []
        for vm_id in sorted(before.keys() | sightings.keys()):
            record, sighting = self._records.get(vm_id), sightings.get(vm_id)
            if record is not before.get(vm_id):
                sighting = None  # older than the record
            elif record is not None:
                record = self._corrected(record, sighting, afresh)
            elif sighting is not None and sighting.epoch is not None:
                record = settle(Record(vm_id=vm_id, epoch=sighting.epoch, phase=Phase.RUNNING), sighting)
            if record is not None:
                self._records.put(record)
                reports.append(report(record, sighting))
        return tuple(guest for guest in reports if guest is not None)

    def _corrected(self, record: Record, sighting: Sighting | None, afresh: bool) -> Record:
        if record.phase is Phase.EXPECTED:
            return settle(record, sighting)
        if afresh and sighting is not None and sighting.is_active and sighting.epoch is not None:
            return running(replace(record, epoch=sighting.epoch))
        if record.phase is Phase.STARTING and (_is_active(sighting) or self._start_is_out(record.vm_id)):
            return record  # its STARTED event is on its way
        return settle(record, sighting)

    # --- from ourselves ---

    def expect(self, vm_id: str, epoch: int, phase: Phase) -> Record:
        """A start or an arrival is about to be asked for."""
        record = Record(vm_id=vm_id, epoch=epoch, phase=phase)
        self._records.put(record)
        return record

    def intend(self, vm_id: str, intent: Intent) -> Record | None:
        """The guest's end is about to be asked for."""
        if (before := self._records.get(vm_id)) is None:
            return None
        record = replace(before, intent=intent)
        self._records.put(record)
        return record

    def restore(self, ours: Record | None, before: Record | None) -> None:
        """What was about to be asked was not done; unless something was heard meanwhile, all is as before."""
        if ours is None or self._records.get(ours.vm_id) is not ours:
            return
        if before is None:
            self._records.drop(ours.vm_id)
        else:
            self._records.put(before)

    def is_gone(self, vm_id: str) -> None:
        """libvirt itself said so."""
        record = self._records.get(vm_id)
        if record is None or record.phase is Phase.STOPPED:
            return
        if record.phase is Phase.EXPECTED:
            self._records.drop(vm_id)
        else:
            self._records.put(ended(record, StopCause.VANISHED, ""))

    def forget_expected(self, vm_id: str, epoch: int) -> None:
        record = self._records.get(vm_id)
        if record is not None and record.phase is Phase.EXPECTED and record.epoch == epoch:
            self._records.drop(vm_id)


def _is_active(sighting: Sighting | None) -> bool:
    return sighting is not None and sighting.is_active
