"""The life of a virtual machine, in CloudStack's words and with one of ours: ProvenGone.

Proof that it does not run leads to Stopped from wherever it ran or might have run; nothing else takes a VM off a host that does not answer."""

from __future__ import annotations

from enum import StrEnum

from mainstay_controller.domain.states import VmState


class VmEvent(StrEnum):
    START_REQUESTED = "StartRequested"
    STOP_REQUESTED = "StopRequested"
    DESTROY_REQUESTED = "DestroyRequested"
    RECOVERY_REQUESTED = "RecoveryRequested"
    MIGRATION_REQUESTED = "MigrationRequested"
    STORAGE_MIGRATION_REQUESTED = "StorageMigrationRequested"
    RESTORING_REQUESTED = "RestoringRequested"
    RESTORING_SUCCESS = "RestoringSuccess"
    RESTORING_FAILED = "RestoringFailed"
    EXPUNGE_OPERATION = "ExpungeOperation"
    OPERATION_SUCCEEDED = "OperationSucceeded"
    OPERATION_FAILED = "OperationFailed"
    OPERATION_FAILED_TO_ERROR = "OperationFailedToError"  # the first deployment only
    OPERATION_RETRY = "OperationRetry"
    FOLLOW_AGENT_POWER_ON = "FollowAgentPowerOnReport"
    FOLLOW_AGENT_POWER_OFF = "FollowAgentPowerOffReport"
    PROVEN_GONE = "ProvenGone"


S, E = VmState, VmEvent

TRANSITIONS: dict[tuple[VmState, VmEvent], VmState] = {
    (S.STOPPED, E.START_REQUESTED): S.STARTING,
    (S.STOPPED, E.STORAGE_MIGRATION_REQUESTED): S.MIGRATING,
    (S.STOPPED, E.DESTROY_REQUESTED): S.DESTROYED,
    (S.STOPPED, E.EXPUNGE_OPERATION): S.EXPUNGING,
    (S.STOPPED, E.RESTORING_REQUESTED): S.RESTORING,
    (S.STOPPED, E.OPERATION_FAILED_TO_ERROR): S.ERROR,
    (S.STOPPED, E.FOLLOW_AGENT_POWER_ON): S.RUNNING,
    #
    (S.STARTING, E.OPERATION_SUCCEEDED): S.RUNNING,
    (S.STARTING, E.FOLLOW_AGENT_POWER_ON): S.RUNNING,
    (S.STARTING, E.OPERATION_RETRY): S.STARTING,
    (S.STARTING, E.OPERATION_FAILED): S.STOPPED,
    (S.STARTING, E.FOLLOW_AGENT_POWER_OFF): S.STOPPED,
    (S.STARTING, E.PROVEN_GONE): S.STOPPED,
    (S.STARTING, E.OPERATION_FAILED_TO_ERROR): S.ERROR,
    #
    (S.RUNNING, E.STOP_REQUESTED): S.STOPPING,
    (S.RUNNING, E.MIGRATION_REQUESTED): S.MIGRATING,
    (S.RUNNING, E.FOLLOW_AGENT_POWER_OFF): S.STOPPED,
    (S.RUNNING, E.PROVEN_GONE): S.STOPPED,
    #
    (S.STOPPING, E.OPERATION_SUCCEEDED): S.STOPPED,
    (S.STOPPING, E.FOLLOW_AGENT_POWER_OFF): S.STOPPED,
    (S.STOPPING, E.PROVEN_GONE): S.STOPPED,
    (S.STOPPING, E.OPERATION_FAILED): S.RUNNING,
    (S.STOPPING, E.FOLLOW_AGENT_POWER_ON): S.RUNNING,
    #
    (S.MIGRATING, E.OPERATION_SUCCEEDED): S.RUNNING,
    (S.MIGRATING, E.OPERATION_FAILED): S.RUNNING,
    (S.MIGRATING, E.FOLLOW_AGENT_POWER_ON): S.RUNNING,
    (S.MIGRATING, E.FOLLOW_AGENT_POWER_OFF): S.STOPPED,
    (S.MIGRATING, E.PROVEN_GONE): S.STOPPED,
    #
    (S.DESTROYED, E.RECOVERY_REQUESTED): S.STOPPED,
    (S.DESTROYED, E.EXPUNGE_OPERATION): S.EXPUNGING,
    #
    (S.EXPUNGING, E.EXPUNGE_OPERATION): S.EXPUNGING,
    #
    (S.ERROR, E.DESTROY_REQUESTED): S.EXPUNGING,
    (S.ERROR, E.EXPUNGE_OPERATION): S.EXPUNGING,
    #
    (S.RESTORING, E.RESTORING_SUCCESS): S.STOPPED,
    (S.RESTORING, E.RESTORING_FAILED): S.STOPPED,
}

NEVER_ENTERED = frozenset({VmState.UNKNOWN, VmState.SHUTDOWN})
"""Words of CloudStack's that its clients know; no arrow leads there, neither in CloudStack nor here."""
