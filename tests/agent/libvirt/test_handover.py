"""The last step of a migration: the target is told to run once, and only after libvirt has said that the source is gone."""

from __future__ import annotations

import libvirt

from mainstay_agent.drivers.libvirt.migration import FLAGS, Journey, hand_over
from mainstay_proto.messages import RunState

VM_ID = "0a1b2c3d-0000-4000-8000-00000000002a"
LIVE_XML = "<domain><metadata><guest xmlns='urn:mainstay:guest:1' epoch='7'/></metadata></domain>"


def a_journey() -> Journey:
    return Journey(vm_id=VM_ID, target_url="qemu+tls://10.0.0.2/system", target_epoch=8)


class Story:
    """A source and a target that note what is asked of them, and fail as told."""

    def __init__(self, *, migration_fails: bool = False, resume_is_lost: bool = False, source_state: int = 0) -> None:
        self.asked: list[str] = []
        self._migration_fails = migration_fails
        self._resume_is_lost = resume_is_lost
        self._source_state = source_state

    # the source's domain

    def XMLDesc(self, _flags: int) -> str:
        return LIVE_XML

    def migrateToURI3(self, _url: str, parameters: dict[str, str], flags: int) -> None:
        assert flags == FLAGS
        assert flags & libvirt.VIR_MIGRATE_PAUSED
        assert 'epoch="8"' in parameters[libvirt.VIR_MIGRATE_PARAM_DEST_XML]
        assert 'epoch="8"' in parameters[libvirt.VIR_MIGRATE_PARAM_PERSIST_XML]
        self.asked.append("migrate")
        if self._migration_fails:
            raise libvirt.libvirtError("the finish was lost")

    def state(self) -> tuple[int, int]:
        return self._source_state, 0

    # the target's connection, and its domain

    def lookupByUUIDString(self, vm_id: str) -> Story:
        assert vm_id == VM_ID
        return self

    def resume(self) -> None:
        self.asked.append("resume")
        if self._resume_is_lost:
            raise libvirt.libvirtError("the line is gone")


def test_the_target_runs_after_the_source_is_gone() -> None:
    story = Story()

    outcome = hand_over(story, story, a_journey())

    assert outcome.done
    assert story.asked == ["migrate", "resume"]


def test_a_lost_acknowledgement_is_unknown_and_nothing_is_resumed_again() -> None:
    story = Story(resume_is_lost=True)

    outcome = hand_over(story, story, a_journey())

    assert (outcome.state, outcome.code) == (RunState.UNKNOWN, "not-resumed")
    assert story.asked == ["migrate", "resume"]


def test_a_migration_that_failed_and_left_the_source_running_has_failed() -> None:
    story = Story(migration_fails=True, source_state=libvirt.VIR_DOMAIN_RUNNING)

    outcome = hand_over(story, story, a_journey())

    assert (outcome.state, outcome.code) == (RunState.FAILED, "migration-failed")
    assert story.asked == ["migrate"]


def test_a_migration_that_failed_and_left_the_source_paused_is_unknown() -> None:
    story = Story(migration_fails=True, source_state=libvirt.VIR_DOMAIN_PAUSED)

    outcome = hand_over(story, story, a_journey())

    assert outcome.state is RunState.UNKNOWN
    assert story.asked == ["migrate"]


def test_a_migration_that_was_called_off_in_time_does_not_begin() -> None:
    story, journey = Story(), a_journey()
    journey.called_off.set()

    outcome = hand_over(story, story, journey)

    assert (outcome.state, outcome.code) == (RunState.FAILED, "aborted")
    assert story.asked == []
