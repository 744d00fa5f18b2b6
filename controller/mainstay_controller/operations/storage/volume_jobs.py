"""What every job about a volume has in common: it stands in the line of the guest that has the disk."""

from __future__ import annotations

from collections.abc import Mapping

from mainstay_controller.domain.ids import VmId
from mainstay_controller.domain.records import Job, Volume
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.jobs import DEADLINE_SECONDS, Asker, new_job

INSTANCE_TYPE = "Volume"


async def volume_job(
    command: str,
    volume: Volume,
    asker: Asker,
    cloud: Cloud,
    *,
    to_be_given_to: VmId | None = None,
    parameters: Mapping[str, str] | None = None,
    deadline_seconds: float | None = DEADLINE_SECONDS,
) -> Job:
    """See new_job.  `to_be_given_to`: the guest that is to have it; a disk of nobody has a line of its own."""
    return new_job(
        cloud,
        command,
        asker,
        await cloud.store.now(),
        instance_type=INSTANCE_TYPE,
        instance_id=volume.id,
        serial_key=to_be_given_to or volume.vm_id or volume.id,
        parameters=parameters,
        deadline_seconds=deadline_seconds,
    )
