"""The words of the agent session, as frozen dataclasses; the protobuf form is known to `codec` alone.

The promise: every room above speaks in these values, so that the session can be carried by gRPC,
by a pair of queues, or by a simulated network.  Units are in the names; absent is None, never 0 or "".
Unknown fields from a newer peer are dropped by the codec; a message kind it does not know decodes to `UnknownMessage`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum


class GuestState(StrEnum):
    """Power state of a guest as its hypervisor tells it."""

    RUNNING = "running"
    STARTING = "starting"  # ordered, not yet seen running: counts as running wherever safety is judged
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    CRASHED = "crashed"
    MIGRATING = "migrating"
    UNKNOWN = "unknown"  # the hypervisor did not answer: neither running nor stopped


class StopCause(StrEnum):
    """Why a guest stopped, told apart by the hypervisor's own event detail."""

    CRASHED = "crashed"  # process died, guest panicked, emulator failed
    GUEST_SHUTDOWN = (
        "guest-shutdown"  # the guest powered itself off (or obeyed an ACPI request: our intent tells which)
    )
    ORDERED = "ordered"  # we destroyed or shut it down
    OUTSIDER = "outsider"  # somebody else on the host destroyed it
    FENCED = "fenced"  # killed by the lease daemon or as a stale epoch
    MIGRATED = "migrated"
    VANISHED = "vanished"  # ran, and was gone when the agent came back


class RunState(StrEnum):
    """What became of an order.  UNKNOWN is its own result: neither success nor failure."""

    DONE = "done"
    REFUSED = "refused"  # nothing was changed; `code` says why
    FAILED = "failed"  # tried, and certainly not in effect
    UNKNOWN = "unknown"


# --- guests ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpec:
    volume_id: str
    pool_id: str
    path: str  # absolute on the host
    format: str = "qcow2"  # qcow2 | raw
    size_bytes: int = 0
    backing_path: str | None = None  # template image, when the disk is made from one
    bus: str = "virtio"
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NicSpec:
    nic_id: str
    mac: str
    bridge: str | None = None  # None: user-mode or isolated, as the driver likes
    ip: str | None = None
    model: str = "virtio"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelBoot:
    """Direct kernel boot; paths on the host."""

    kernel: str
    initrd: str
    arguments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """Standing authority: what an agent may do about a stopped guest with no controller in reach."""

    restart_after_crash: bool = False
    restart_after_guest_shutdown: bool = False
    attempts_max: int = 5
    window_seconds: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveFile:
    """One file of a config drive under all its names.  The content is in Base64, so that an order is text wherever it is kept, and is in no log."""

    names: tuple[str, ...]
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDrive:
    """A small disc that the guest reads as it boots: user data, keys, a password.  What is on it the controller alone decides."""

    label: str
    files: tuple[DriveFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSpec:
    """All a host needs to run a guest.  `epoch` is part of the order: a host refuses one lower than it has seen."""

    vm_id: str  # also the domain's UUID
    name: str
    epoch: int
    vcpus: int
    cpu_mhz: int  # per vCPU; becomes CPU shares
    memory_mib: int
    memory_floor_mib: int | None = None  # balloon floor under memory over-provisioning
    disks: tuple[DiskSpec, ...] = ()
    nics: tuple[NicSpec, ...] = ()
    vnc_password: str | None = None
    kernel: KernelBoot | None = None
    ha: bool = False
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    details: tuple[tuple[str, str], ...] = ()
    drive: ConfigDrive | None = None  # a host without the ability `config-drive` starts the guest without

    @property
    def pool_ids(self) -> frozenset[str]:
        return frozenset(disk.pool_id for disk in self.disks)

    @property
    def media(self) -> tuple[DiskSpec, ...]:
        """What is read only lies in the guest's drive for media, and can be changed while it runs."""
        return tuple(disk for disk in self.disks if disk.read_only)

    def with_medium(self, medium: DiskSpec | None) -> GuestSpec:
        own = tuple(disk for disk in self.disks if not disk.read_only)
        return replace(self, disks=own if medium is None else (*own, medium))

    def with_disk(self, disk: DiskSpec) -> GuestSpec:
        own = tuple(each for each in self.disks if not each.read_only and each.volume_id != disk.volume_id)
        return replace(self, disks=(*own, disk, *self.media))

    def without_disk(self, volume_id: str) -> GuestSpec:
        return replace(self, disks=tuple(disk for disk in self.disks if disk.volume_id != volume_id))

    def has_disk(self, volume_id: str) -> bool:
        return any(disk.volume_id == volume_id for disk in self.disks)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestReport:
    """One guest as a host sees it now."""

    vm_id: str
    state: GuestState
    epoch: int
    cause: StopCause | None = None
    detail: str = ""


# --- pools and leases -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseProfile:
    """Timing of the survival protocol in seconds (design chapter 5).  Checked by mainstay_agent.lease.bounds."""

    name: str
    renew_seconds: float  # R
    validity_seconds: float  # V
    watchdog_seconds: float  # W
    kill_grace_seconds: float  # G
    late_io_seconds: float  # delta
    poll_seconds: float  # q
    hold_seconds: float  # H
    clock_error: float = 1e-3  # rho


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolMount:
    """A primary pool as one host uses it.  `slot` is this host's place in the pool's lease file; None: a pool without leases."""

    pool_id: str
    path: str
    slot: int | None = None
    shared: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLease:
    """State of one pool's lease at its owner."""

    pool_id: str
    generation: int
    sequence: int
    valid: bool
    age_seconds: float  # since the start of the last acknowledged renewal
    remaining_seconds: float  # until L; negative when lapsed
    held_by: str = "storage"  # storage | grant


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSighting:
    """What one observer saw of another host's slot on one pool.

    `dead` is a verdict by the observer's own clock and rules (unchanged for T_dead, re-read, and the observer itself
    renewed and read itself back all through the window); by the channel of storage only: while a hold is granted it is no
    proof, and one seen before the hold was over is none afterwards.  `generation` rises only when the owner has no guest on the pool,
    so every lower one is over; `released` adds that the owner acknowledged the poison in its slot, or gave the lease back."""

    pool_id: str
    host_id: str
    boot_id: str
    generation: int
    sequence: int
    unchanged_seconds: float
    dead: bool
    released: bool = False
    witness_sound: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldGrant:
    """The controller's word: `I will not take over from you before H`, counted from the request's start."""

    pool_id: str
    request_id: int
    hold_seconds: float


# --- agent -> controller ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """One host this agent speaks for.  `machine_id`: the same at every boot, and with any disk; empty where the machine has none."""

    host_id: str
    name: str
    hypervisor: str  # KVM | XenServer | VMware | Simulator
    boot_id: str
    ip: str
    cpu_sockets: int
    cpus: int
    cpu_mhz: int
    memory_mib: int
    hypervisor_version: str = ""
    capabilities: tuple[str, ...] = ()
    guests: tuple[GuestReport, ...] = ()
    watchdog: bool = False
    url: str = ""
    machine_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    agent_id: str
    version: str
    protocol_minor: int
    hosts: tuple[HostFacts, ...]
    resumed: bool = False  # a reconnect of a living agent, not its start


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """`digest` covers every guest's (id, state, epoch) of one host; a controller whose digest differs sends ReportRequest."""

    host_id: str
    sequence: int
    digest: int  # unsigned 64 bit
    leases: tuple[PoolLease, ...] = ()
    hypervisor_responds: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerReport:
    """Guests of one host.  `complete`: a guest not named is not there."""

    host_id: str
    complete: bool
    guests: tuple[GuestReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    command_id: str
    state: RunState
    code: str = ""  # stable, e.g. stale-epoch, no-lease, no-such-guest, locked, hypervisor-refused, deadline
    detail: str = ""
    answer: tuple[tuple[str, str], ...] = ()  # small key/value answers (vnc port, console path ...)
    sightings: tuple[SlotSighting, ...] = ()
    guests: tuple[GuestReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestEvent:
    """A guest changed: sent at once, beside the PowerReport that will say the same."""

    host_id: str
    vm_id: str
    epoch: int
    state: GuestState
    cause: StopCause | None = None
    detail: str = ""
    restarted_locally: bool = False  # under standing authority
    elapsed_ms: int | None = None  # event seen -> restart ordered
    event_id: str = ""  # stamped by the link; the event is repeated until the controller has Seen it


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationProgress:
    host_id: str
    vm_id: str
    command_id: str
    percent: int
    phase: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sightings:
    """Pushed by an observer as soon as a slot's verdict changes, and on every watch tick of a watched host."""

    host_id: str  # the observer
    sightings: tuple[SlotSighting, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRequest:
    host_id: str
    pool_id: str
    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """Figures of one host, rarely."""

    host_id: str
    cpu_used_percent: float
    memory_used_mib: int
    guests: tuple[tuple[str, float, int], ...] = ()  # vm_id, cpu percent, memory MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewCertificate:
    csr_pem: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodbye:
    """The agent stops on purpose; its guests run on."""

    reason: str


# --- controller -> agent ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    controller_id: str
    protocol_minor: int
    ping_interval_seconds: float
    ping_timeout_factor: float
    controllers: tuple[str, ...]  # host:port, shuffled
    profile: LeaseProfile
    mounts: tuple[tuple[str, tuple[PoolMount, ...]], ...] = ()  # host_id -> pools
    lease_names: tuple[tuple[str, int, str], ...] = ()  # pool_id, slot, host_id: who owns which slot


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    host_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    controllers: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The session cannot go on; `code` is stable: the door's own are in mainstay_controller.rpc.refusals, the fleet adds
    unknown-host, another-machine and version-skew."""

    code: str
    detail: str
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A new certificate for the key of the CSR last sent."""

    certificate_pem: bytes
    ca_pem: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounts:
    """Pools of one host changed."""

    host_id: str
    mounts: tuple[PoolMount, ...]
    lease_names: tuple[tuple[str, int, str], ...] = ()
    profile: LeaseProfile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """These CommandResults (command_id) and GuestEvents (event_id) are taken care of: the agent may forget them."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """Sent when nothing else was for a while: silence means that the controller hangs."""


# orders carried by Command


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolGeneration:
    pool_id: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """Under which boot of the host, and which generations of its leases, an order to run a guest was given.

    A host that has rebooted, or dropped a lease and taken it again, since then may have been declared dead meanwhile and its guest be
    running elsewhere: it refuses the order, `superseded-boot` or `superseded-lease`."""

    boot_id: str
    generations: tuple[PoolGeneration, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartGuest:
    spec: GuestSpec
    tenure: Tenure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopGuest:
    vm_id: str
    epoch: int
    forced: bool = False
    grace_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RebootGuest:
    vm_id: str
    epoch: int
    forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMedium:
    """Another medium in the drive of a guest that runs; None: the drive is empty.  For hosts with the ability `media`.

    A guest that has mounted the old one has locked the tray: that is FAILED, unless it is `forced`."""

    vm_id: str
    epoch: int
    medium: DiskSpec | None = None
    forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachDisk:
    """One more disk for a guest that runs.  For hosts with the ability `hot-plug`.

    The guest stands on that disk's pool too from before it has the disk: its leases are asked first.  Asked again for a disk it has: DONE."""

    vm_id: str
    epoch: int
    disk: DiskSpec
    tenure: Tenure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachDisk:
    """DONE: the hypervisor has closed the file, so all that the guest wrote to it has landed.  UNKNOWN while the guest holds on to it: it may let go any
    time.  REFUSED for a guest that does not run."""

    vm_id: str
    epoch: int
    disk: DiskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowDisk:
    """`disk.size_bytes` at the least for the disk of a guest that runs."""

    vm_id: str
    epoch: int
    disk: DiskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareIncoming:
    """To the target of a migration: expect this guest under spec.epoch (the source runs epoch - 1)."""

    spec: GuestSpec
    source_host_id: str
    tenure: Tenure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateGuest:
    """To the source."""

    vm_id: str
    epoch: int
    target_epoch: int
    target_host_id: str
    target_url: str
    bandwidth_mib: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortMigration:
    vm_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelIncoming:
    """To the target: the migration did not happen; forget the epoch handed over unless the guest runs here."""

    vm_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetGuest:
    """The guest's record and definition may go; refused while it runs."""

    vm_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryGuests:
    vm_ids: tuple[str, ...] = ()  # empty: all


RENEWED_AGO = "renewed-ago:"
"""Before a pool's id, in the answer to ProbeHost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeHost:
    """To a neighbour: what do you see of that host?  Answered with sightings and answer {"ping": "yes"|"no"|"unknown"}; and, of each pool on which
    the neighbour's own lease is valid, {"renewed-ago:POOL": seconds} since the start of its last acknowledged renewal.

    `ip` empty: no ping is asked for, and the answer waits for none."""

    host_id: str
    ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchHost:
    """To a neighbour: push Sightings of that host every tick until `until_seconds` passed."""

    host_id: str
    until_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoisonHost:
    """To a neighbour: write the poison sector of that host's slots on these pools."""

    host_id: str
    incident_id: str
    pool_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareVolume:
    """Make the disk's file (from its backing image if named); refused when it exists already with another owner."""

    disk: DiskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveVolume:
    disk: DiskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowVolume:
    """`disk.size_bytes` at the least for a disk that no guest has open; refused `in-use` where one has."""

    disk: DiskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPool:
    """Is that path a mounted, writable pool here?  Answer {"mounted": .., "total_bytes": .., "used_bytes": .., "leases": ..}."""

    mount: PoolMount
    image_path: str | None = None  # also: is this a readable image, and of what format and virtual size?


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantHold:
    grant: HoldGrant


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowScreen:
    """Dial the controller at `address`, say `word`, and carry what the guest's screen and its viewer say until either ends (screens.ScreenPiece)."""

    vm_id: str
    epoch: int
    word: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownMessage:
    """A kind from a newer peer; ignored after one log line."""

    kind: str


Order = (
    StartGuest
    | StopGuest
    | RebootGuest
    | ChangeMedium
    | AttachDisk
    | DetachDisk
    | GrowDisk
    | PrepareIncoming
    | MigrateGuest
    | AbortMigration
    | CancelIncoming
    | ForgetGuest
    | QueryGuests
    | ProbeHost
    | WatchHost
    | PoisonHost
    | PrepareVolume
    | RemoveVolume
    | GrowVolume
    | CheckPool
    | GrantHold
    | ShowScreen
    | UnknownMessage  # from a newer controller: refused "unknown-order"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An order to one host.  Idempotent by `command_id`: re-sent after a reconnect it is answered, not repeated."""

    command_id: str
    host_id: str
    deadline_seconds: float
    order: Order
    traceparent: str = ""


Up = (
    Hello
    | Heartbeat
    | PowerReport
    | CommandResult
    | GuestEvent
    | MigrationProgress
    | Sightings
    | HoldRequest
    | LoadReport
    | RenewCertificate
    | Goodbye
    | UnknownMessage
)
Down = Welcome | Command | ReportRequest | Redirect | Refused | Certificate | Mounts | Seen | Pulse | UnknownMessage
