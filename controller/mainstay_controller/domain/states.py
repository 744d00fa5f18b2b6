"""The states of everything, in CloudStack's spelling; the arrows between them are in `lifecycle`."""

from enum import StrEnum


class AllocationState(StrEnum):
    ENABLED = "Enabled"
    DISABLED = "Disabled"


class HostState(StrEnum):
    """Connection status of a host (JSON key `state`).  Alert: under suspicion; Down: proven dead."""

    CREATING = "Creating"
    CONNECTING = "Connecting"
    UP = "Up"
    DOWN = "Down"
    DISCONNECTED = "Disconnected"
    ALERT = "Alert"
    REBALANCING = "Rebalancing"
    ERROR = "Error"
    REMOVED = "Removed"


class ResourceState(StrEnum):
    """What the operator wants of a host (JSON key `resourcestate`)."""

    CREATING = "Creating"
    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PREPARE_FOR_MAINTENANCE = "PrepareForMaintenance"
    ERROR_IN_PREPARE_FOR_MAINTENANCE = "ErrorInPrepareForMaintenance"
    ERROR_IN_MAINTENANCE = "ErrorInMaintenance"
    MAINTENANCE = "Maintenance"
    DEGRADED = "Degraded"
    ERROR = "Error"


class VmState(StrEnum):
    STARTING = "Starting"
    RUNNING = "Running"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    DESTROYED = "Destroyed"
    EXPUNGING = "Expunging"
    MIGRATING = "Migrating"
    ERROR = "Error"
    UNKNOWN = "Unknown"
    SHUTDOWN = "Shutdown"
    RESTORING = "Restoring"


class VolumeState(StrEnum):
    ALLOCATED = "Allocated"
    CREATING = "Creating"
    READY = "Ready"
    ATTACHING = "Attaching"  # to a guest that runs: until its host says so it may have the disk, or not
    DETACHING = "Detaching"  # from one
    DESTROY = "Destroy"
    EXPUNGED = "Expunged"


class PoolState(StrEnum):
    INITIAL = "Initial"
    UP = "Up"
    PREPARE_FOR_MAINTENANCE = "PrepareForMaintenance"
    MAINTENANCE = "Maintenance"
    REMOVED = "Removed"


class JobState(StrEnum):
    """Wire values 0 to 3 of `jobstatus` are in api.render."""

    PENDING = "Pending"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class IncidentPhase(StrEnum):
    SUSPECTED = "Suspected"
    INVESTIGATING = "Investigating"
    FENCING = "Fencing"
    RECOVERING = "Recovering"
    CLOSED = "Closed"


class DecisionOutcome(StrEnum):
    """How the story of one VM in one incident ended, or that it has not."""

    PENDING = "Pending"
    RESTARTED = "Restarted"
    LEFT_STOPPED = "LeftStopped"
    LEFT_RUNNING = "LeftRunning"
    WAITING_FOR_CAPACITY = "WaitingForCapacity"
    SUPERSEDED = "Superseded"


ENABLED, DISABLED, LOCKED = "enabled", "disabled", "locked"
"""Of accounts and users; only who is enabled, in an account that is, may come in."""
