"""What the store keeps: one frozen record per row.

Every record has an `id`, a `version` that compare-and-set counts up, and a `created` time (UTC, for people).
`removed` marks a row that lists no longer show.  Tuples and mappings are stored as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from mainstay_controller.domain.ids import (
    AccountId,
    AffinityGroupId,
    AlertId,
    ClusterId,
    ControllerId,
    DecisionId,
    DiskOfferingId,
    DomainId,
    EventId,
    FirewallRuleId,
    HostId,
    ImageStoreId,
    IncidentId,
    IpAddressId,
    IpRangeId,
    JobId,
    KeyPairId,
    NetworkId,
    NetworkOfferingId,
    NicId,
    OfferingId,
    PhysicalNetworkId,
    PodId,
    PoolId,
    ProjectId,
    RoleId,
    SecurityGroupId,
    ServiceProviderId,
    SessionId,
    TagId,
    TemplateId,
    TrafficTypeId,
    UserDataId,
    UserId,
    VmId,
    VolumeId,
    ZoneId,
)
from mainstay_controller.domain.states import (
    AllocationState,
    DecisionOutcome,
    HostState,
    IncidentPhase,
    JobState,
    PoolState,
    ResourceState,
    VmState,
    VolumeState,
)

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"


# --- places -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    id: ZoneId
    name: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    dns1: str = ""
    dns2: str = ""
    internal_dns1: str = ""
    internal_dns2: str = ""
    network_type: str = "Advanced"
    guest_cidr: str | None = None
    allocation_state: AllocationState = AllocationState.DISABLED
    local_storage_enabled: bool = False
    security_groups_enabled: bool = False
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    id: PodId
    zone_id: ZoneId
    name: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    gateway: str = ""
    netmask: str = ""
    start_ip: str = ""
    end_ip: str = ""
    allocation_state: AllocationState = AllocationState.ENABLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """`fence_policy`: what to do with a host that is cut off from us while its storage lives: keep | fence."""

    id: ClusterId
    zone_id: ZoneId
    pod_id: PodId
    name: str
    hypervisor: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    cluster_type: str = "CloudManaged"
    allocation_state: AllocationState = AllocationState.ENABLED
    managed_state: str = "Managed"
    cpu_overcommit_ratio: float = 1.0
    memory_overcommit_ratio: float = 1.0
    fence_policy: str = "keep"
    lease_profile: str = "standard"
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """`proven_dead_boot_id`: the boot of this host that is proven gone; guests of a later boot are another matter."""

    id: HostId
    zone_id: ZoneId
    pod_id: PodId
    cluster_id: ClusterId
    name: str
    hypervisor: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    type: str = "Routing"
    url: str = ""
    ip: str = ""
    state: HostState = HostState.CREATING
    resource_state: ResourceState = ResourceState.ENABLED
    machine_id: str = ""
    boot_id: str | None = None
    proven_dead_boot_id: str | None = None
    cpu_sockets: int = 1
    cpus: int = 0
    cpu_mhz: int = 0
    memory_mib: int = 0
    tags: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    hypervisor_version: str = ""
    agent_version: str = ""
    watchdog: bool = False
    username: str = ""
    password: str = ""
    annotation: str = ""
    state_since: datetime | None = None
    last_pinged: datetime | None = None
    controller_id: ControllerId | None = None
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfBand:
    """A host's power controller.  `id` is the host's."""

    id: HostId
    created: datetime
    version: int = 1
    enabled: bool = True
    driver: str = "ipmitool"  # ipmitool | redfish
    address: str = ""
    port: int = 623
    username: str = ""
    password: str = ""
    power_state: str = "Unknown"


# --- storage ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePool:
    """`has_leases`: hosts keep leases on it, so that lease expiry is a proof for its guests."""

    id: PoolId
    zone_id: ZoneId
    name: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    pod_id: PodId | None = None
    cluster_id: ClusterId | None = None
    host_id: HostId | None = None  # a local pool's host
    scope: str = "CLUSTER"  # CLUSTER | ZONE | HOST
    type: str = "SharedMountPoint"
    url: str = ""
    path: str = ""
    state: PoolState = PoolState.UP
    has_leases: bool = True
    hypervisor: str | None = None
    provider: str = "DefaultPrimary"
    tags: tuple[str, ...] = ()
    capacity_bytes: int = 0
    used_bytes: int = 0
    overprovision_factor: float = 2.0
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSlot:
    """Which place in a pool's lease file is whose.  Numbers are never reused while the host exists."""

    id: str  # pool id : host id
    pool_id: PoolId
    host_id: HostId
    slot: int
    created: datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    id: VolumeId
    name: str
    zone_id: ZoneId
    created: datetime
    version: int = 1
    removed: datetime | None = None
    account_id: AccountId
    domain_id: DomainId
    vm_id: VmId | None = None
    pool_id: PoolId | None = None
    template_id: TemplateId | None = None
    disk_offering_id: DiskOfferingId | None = None
    type: str = "ROOT"  # ROOT | DATADISK
    device_id: int | None = 0
    state: VolumeState = VolumeState.ALLOCATED
    size_bytes: int = 0
    format: str = "qcow2"
    path: str = ""


# --- what may be run -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOffering:
    """`restart_after_guest_shutdown`: whether a guest that shut itself down is started again."""

    id: OfferingId
    name: str
    display_text: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    cpus: int = 1
    cpu_mhz: int = 500
    memory_mib: int = 128
    offer_ha: bool = False
    restart_after_guest_shutdown: bool = False
    limit_cpu_use: bool = False
    is_volatile: bool = False
    host_tags: tuple[str, ...] = ()
    storage_tags: tuple[str, ...] = ()
    storage_type: str = "shared"  # shared | local
    is_system: bool = False
    system_vm_type: str | None = None
    state: str = "Active"
    priority: int = 0  # restart order: higher first
    domain_ids: tuple[str, ...] = ()
    zone_ids: tuple[str, ...] = ()
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """An image from which root disks are made.  `kernel`, `initrd`, `kernel_arguments`: direct kernel boot."""

    id: TemplateId
    name: str
    display_text: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    account_id: AccountId
    domain_id: DomainId
    zone_id: ZoneId | None = None
    hypervisor: str = "KVM"
    format: str = "QCOW2"
    url: str = ""
    size_bytes: int = 0
    os_type_id: str = ""
    is_public: bool = True
    is_featured: bool = False
    is_extractable: bool = False
    is_ready: bool = False
    status: str = ""
    type: str = "USER"  # USER | SYSTEM | BUILTIN
    password_enabled: bool = False
    requires_hvm: bool = True
    is_iso: bool = False
    bootable: bool = True
    checksum: str = ""
    kernel: str = ""
    initrd: str = ""
    kernel_arguments: str = ""
    details: dict[str, str] = field(default_factory=dict)
    user_data_id: UserDataId | None = None  # of guests that are made from it
    user_data_policy: str | None = None  # how far those may be told otherwise


# --- virtual machines ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Nic:
    id: NicId
    mac: str
    ip: str = ""
    netmask: str = ""
    gateway: str = ""
    network_id: str = ""
    network_name: str = ""
    traffic_type: str = "Guest"
    type: str = "Shared"
    is_default: bool = True
    bridge: str | None = None
    device_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vm:
    """A virtual machine.

    `epoch` is raised by compare-and-set before every start order; the order carries it, and hosts refuse a lower one.
    `wanted_running` is the user's intent: it alone tells a crash from a wish.
    `host_id` is where it runs or may run; it is cleared only by proof that it does not run there."""

    id: VmId
    name: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    account_id: AccountId
    domain_id: DomainId
    zone_id: ZoneId
    service_offering_id: OfferingId
    template_id: TemplateId | None = None
    user_id: UserId | None = None  # who deployed it; of those from before 0008 nobody knows
    display_name: str = ""
    instance_name: str = ""
    hypervisor: str = "KVM"
    type: str = "User"  # User | ConsoleProxy | SecondaryStorageVm | DomainRouter
    state: VmState = VmState.STOPPED
    state_since: datetime | None = None
    epoch: int = 0
    wanted_running: bool = False
    host_id: HostId | None = None
    target_host_id: HostId | None = None  # of a migration or a start under way
    last_host_id: HostId | None = None
    host_boot_id: str | None = None  # boot of the host under which it was started
    pod_id: PodId | None = None
    cluster_id: ClusterId | None = None
    ha_enabled: bool = False
    restart_after_guest_shutdown: bool = False
    priority: int = 0
    cpus: int = 1
    cpu_mhz: int = 500
    memory_mib: int = 128
    nics: tuple[Nic, ...] = ()
    user_data: str = ""
    user_data_id: UserDataId | None = None  # under which name it was registered
    user_data_details: dict[str, str] | None = None  # values of the variables in it
    key_pair: str = ""
    public_key: str | None = None  # of that pair, or a line for each, as they were when the guest was given them
    vnc_password: str = ""  # as releases before 0006 kept it: readable
    vnc_secret: str | None = None  # sealed; who shows it sees the screen
    password: str | None = None  # sealed; until the guest has run with it
    encrypted_password: str | None = None  # with its public key: for whoever has the private half
    iso_id: TemplateId | None = None  # what lies in its drive for media
    affinity_group_ids: tuple[str, ...] = ()
    group: str = ""
    delete_protection: bool = False
    stop_reason: str = ""
    details: dict[str, str] = field(default_factory=dict)

    @property
    def wants_config_drive(self) -> bool:
        """There is something that it must be told as it boots."""
        return bool(self.user_data or self.public_key or self.password)


# --- what surrounds them --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskOffering:
    """The size of a data disk; `is_customized`: the size is said when the disk is made."""

    id: DiskOfferingId
    name: str
    display_text: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    size_bytes: int = 0
    is_customized: bool = False
    storage_type: str = "shared"
    storage_tags: tuple[str, ...] = ()
    state: str = "Active"
    domain_ids: tuple[str, ...] = ()
    zone_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStore:
    """Secondary storage: where templates come from."""

    id: ImageStoreId
    name: str
    url: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    zone_id: ZoneId | None = None
    protocol: str = "nfs"
    provider: str = "NFS"
    scope: str = "ZONE"
    read_only: bool = False
    capacity_bytes: int = 0
    used_bytes: int = 0
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """An SSH public key that guests are given; the private half is shown once and not kept."""

    id: KeyPairId
    name: str
    account_id: AccountId
    domain_id: DomainId
    created: datetime
    version: int = 1
    public_key: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserData:
    """What guests are told as they boot, under a name.  `content` is Base64; `params` names the variables in it, for whoever reads it."""

    id: UserDataId
    name: str
    account_id: AccountId
    domain_id: DomainId
    created: datetime
    version: int = 1
    content: str = ""
    params: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AffinityGroup:
    """`type`: host anti-affinity | host affinity."""

    id: AffinityGroupId
    name: str
    type: str
    account_id: AccountId
    domain_id: DomainId
    created: datetime
    version: int = 1
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceTag:
    """A user's word on a thing; `resource_type` is CloudStack's (UserVm, Volume ...)."""

    id: TagId
    resource_type: str
    resource_id: str
    key: str
    account_id: AccountId
    domain_id: DomainId
    created: datetime
    version: int = 1
    value: str = ""


# --- networks ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalNetwork:
    id: PhysicalNetworkId
    zone_id: ZoneId
    name: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    state: str = "Disabled"
    vlan: str = ""
    speed: str = ""
    isolation_methods: tuple[str, ...] = ()
    broadcast_domain_range: str = "ZONE"
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficType:
    """What a physical network carries: Management | Guest | Public | Storage, and the bridge's label by hypervisor."""

    id: TrafficTypeId
    physical_network_id: PhysicalNetworkId
    traffic_type: str
    created: datetime
    version: int = 1
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProvider:
    """Who serves what on a physical network."""

    id: ServiceProviderId
    physical_network_id: PhysicalNetworkId
    name: str
    created: datetime
    version: int = 1
    state: str = "Disabled"
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOffering:
    """`services`: each service with who provides it, such as Dhcp: VirtualRouter."""

    id: NetworkOfferingId
    name: str
    display_text: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    traffic_type: str = "Guest"
    guest_type: str = "Isolated"  # Isolated | Shared | L2
    services: dict[str, str] = field(default_factory=dict)
    availability: str = "Optional"
    state: str = "Disabled"
    is_default: bool = False
    specify_vlan: bool = False
    specify_ip_ranges: bool = False
    conserve_mode: bool = True
    is_persistent: bool = False
    egress_default_allow: bool = False
    tags: tuple[str, ...] = ()
    domain_ids: tuple[str, ...] = ()
    zone_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A guest network.  `acl_type`: who may use it, the owning Account or everybody in the Domain."""

    id: NetworkId
    zone_id: ZoneId
    offering_id: NetworkOfferingId
    account_id: AccountId
    domain_id: DomainId
    name: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    physical_network_id: PhysicalNetworkId | None = None
    display_text: str = ""
    traffic_type: str = "Guest"
    guest_type: str = "Isolated"
    acl_type: str = "Account"
    state: str = "Allocated"
    cidr: str = ""
    gateway: str = ""
    netmask: str = ""
    start_ip: str = ""
    end_ip: str = ""
    vlan: str = ""
    bridge: str = ""
    network_domain: str = ""
    dns1: str = ""
    dns2: str = ""
    is_system: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IpRange:
    """Addresses that may be given out: public ones of a zone, or of a shared network (CloudStack's VLAN IP range)."""

    id: IpRangeId
    zone_id: ZoneId
    start_ip: str
    end_ip: str
    created: datetime
    version: int = 1
    physical_network_id: PhysicalNetworkId | None = None
    network_id: NetworkId | None = None
    pod_id: PodId | None = None
    vlan: str = "untagged"
    gateway: str = ""
    netmask: str = ""
    for_virtual_network: bool = True
    account_id: AccountId | None = None
    domain_id: DomainId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IpAddress:
    """An address that was given out.  One row per (space, address), so that none is given twice; `space` is the network's or the range's id."""

    id: IpAddressId
    space: str
    address: str
    zone_id: ZoneId
    account_id: AccountId
    domain_id: DomainId
    created: datetime
    version: int = 1
    range_id: IpRangeId | None = None
    network_id: NetworkId | None = None
    vm_id: VmId | None = None
    nic_id: NicId | None = None
    is_public: bool = False
    is_source_nat: bool = False
    state: str = "Allocated"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallRule:
    """`purpose`: Firewall | Egress | PortForwarding."""

    id: FirewallRuleId
    purpose: str
    account_id: AccountId
    domain_id: DomainId
    created: datetime
    version: int = 1
    ip_address_id: IpAddressId | None = None
    network_id: NetworkId | None = None
    protocol: str = "tcp"
    start_port: int | None = None
    end_port: int | None = None
    private_start_port: int | None = None
    private_end_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    cidrs: tuple[str, ...] = ()
    vm_id: VmId | None = None
    state: str = "Active"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup:
    id: SecurityGroupId
    name: str
    account_id: AccountId
    domain_id: DomainId
    created: datetime
    version: int = 1
    description: str = ""


# --- what happens ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work that survives its controller.  `owner_id`/`owner_epoch`: who works on it now; claimed by compare-and-set."""

    id: JobId
    command: str
    created: datetime
    version: int = 1
    account_id: AccountId
    user_id: UserId
    parameters: dict[str, str] = field(default_factory=dict)
    state: JobState = JobState.PENDING
    phase: str = ""
    progress_percent: int = 0
    owner_id: ControllerId | None = None
    owner_epoch: int = 0
    attempts: int = 0
    not_before: datetime | None = None
    deadline: datetime | None = None
    completed: datetime | None = None
    result_code: int = 0
    result_type: str = ""
    result: dict[str, Json] = field(default_factory=dict)
    instance_type: str = ""
    instance_id: str = ""
    serial_key: str = ""  # jobs of one key run one after another, oldest first
    cancel_requested: bool = False  # obeyed at the work's next step
    parent_event_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """CloudStack's event: type such as VM.START, level INFO | WARN | ERROR, state Created | Scheduled | Started | Completed."""

    id: EventId
    type: str
    description: str
    created: datetime
    version: int = 1
    level: str = "INFO"
    state: str = "Completed"
    account_id: AccountId | None = None
    user_id: UserId | None = None
    domain_id: DomainId | None = None
    resource_type: str = ""
    resource_id: str = ""
    start_event_id: str = ""
    job_id: JobId | None = None
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    id: AlertId
    type: int  # CloudStack's number
    name: str
    subject: str
    description: str
    created: datetime
    version: int = 1
    state: str = "Open"  # Open | Acknowledged | Resolved
    dedupe_key: str = ""
    count: int = 1
    last_sent: datetime | None = None
    resolved: datetime | None = None
    zone_id: ZoneId | None = None
    pod_id: PodId | None = None
    cluster_id: ClusterId | None = None
    host_id: HostId | None = None
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One host's silence, or one VM's unexpected stop, from suspicion to its end.  Recovery is taken up from here by any controller."""

    id: IncidentId
    created: datetime
    version: int = 1
    phase: IncidentPhase = IncidentPhase.SUSPECTED
    host_id: HostId | None = None
    host_boot_id: str | None = None
    vm_id: VmId | None = None
    trigger: str = ""
    owner_id: ControllerId | None = None
    owner_epoch: int = 0
    proof: dict[str, Json] = field(default_factory=dict)
    evidence: tuple[dict[str, Json], ...] = ()
    timeline: tuple[dict[str, Json], ...] = ()  # {at, phase, text}
    outcome: str = ""
    closed: datetime | None = None
    retry_at: datetime | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The Decision Record (design chapter 6): why this VM was, or was not, restarted."""

    id: DecisionId
    incident_id: IncidentId
    vm_id: VmId
    created: datetime
    version: int = 1
    trigger: str = ""
    evidence: tuple[dict[str, Json], ...] = ()
    rule: str = ""
    alternatives: tuple[dict[str, Json], ...] = ()  # {target, rejected_by: [{code, need, have}]}
    decision: str = ""  # restart | leave-stopped | leave-running | wait
    target_host_id: HostId | None = None
    epoch: int | None = None
    proof: dict[str, Json] = field(default_factory=dict)
    phases: tuple[dict[str, Json], ...] = ()  # {name, at, elapsed_ms}
    outcome: DecisionOutcome = DecisionOutcome.PENDING
    attempts: int = 0
    retry_at: datetime | None = None
    closed: datetime | None = None


# --- who -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainRecord:
    """A domain of accounts (CloudStack's word); `path` such as /ROOT/sales."""

    id: DomainId
    name: str
    path: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    parent_id: DomainId | None = None
    network_domain: str = ""
    state: str = "Active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`role`: Admin | DomainAdmin | User | ReadOnlyAdmin."""

    id: AccountId
    name: str
    domain_id: DomainId
    created: datetime
    version: int = 1
    removed: datetime | None = None
    role: str = "User"
    role_id: str = ""
    state: str = "enabled"
    network_domain: str = ""
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """`account_id` owns what belongs to the project; `owner_id` is the account whose users may use it."""

    id: ProjectId
    name: str
    display_text: str
    account_id: AccountId
    owner_id: AccountId
    domain_id: DomainId
    created: datetime
    version: int = 1
    removed: datetime | None = None
    state: str = "Active"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """`secret_key` is encrypted at rest; `password_hash` is argon2."""

    id: UserId
    account_id: AccountId
    domain_id: DomainId
    username: str
    created: datetime
    version: int = 1
    removed: datetime | None = None
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    timezone: str = ""
    state: str = "enabled"
    password_hash: str = ""
    failed_logins: int = 0
    api_key: str | None = None
    secret_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRecord:
    """A role that accounts are given; `type` is one of the four kinds of account."""

    id: RoleId
    name: str
    type: str
    created: datetime
    version: int = 1
    description: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimit:
    """How much of a kind of resource an account or a domain may have; -1: as much as it likes.  `id` is owner : type."""

    id: str
    owner_id: str
    type: int
    max: int
    created: datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSession:
    """A user who logged in.  `id` and `session_key_sha256` are hashes: what the client holds is never stored."""

    id: SessionId
    user_id: UserId
    session_key_sha256: str
    created: datetime
    expires: datetime
    version: int = 1
    remote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """An address that opens a file for a while.  `id` is the hash of its secret word; `kind` the repository of what it was made for;
    `is_copy`: the file was made for it and goes with it."""

    id: str
    kind: str
    subject_id: str
    name: str
    path: str
    user_id: UserId
    created: datetime
    expires: datetime
    version: int = 1
    zone_id: ZoneId | None = None
    is_copy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleTicket:
    """Opens the screen of a guest, once and soon.  `id` is the hash of its secret word, `extra_sha256` of the one that the user added."""

    id: str
    vm_id: VmId
    user_id: UserId
    created: datetime
    expires: datetime
    version: int = 1
    extra_sha256: str = ""
    used: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWindow:
    """Calls counted in a window that began with the first of them.  `id` says whose."""

    id: str
    created: datetime
    began: datetime
    version: int = 1
    issued: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCertificate:
    """A certificate of our CA.  `id` is its serial number in hexadecimal."""

    id: str
    subject_role: str  # agent | controller | systemvm
    subject_id: str
    created: datetime
    not_after: datetime
    version: int = 1
    revoked: datetime | None = None
    public_key_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentToken:
    """`id` is the SHA-256 of the token; the token itself is never stored."""

    id: str
    role: str
    subject_id: str
    created: datetime
    expires: datetime
    version: int = 1
    used: datetime | None = None
    used_key_sha256: str = ""  # the one key whose repeated request is answered again


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """An override of a registered setting.  `id` is scope : scope id : name."""

    id: str
    name: str
    value: str
    created: datetime
    version: int = 1
    scope: str = "Global"
    scope_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What all controllers share and nobody else may read.  `sealed` with the cloud's master key, which the database does not have."""

    id: str
    sealed: str
    created: datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """A controller's membership: alive while `expires` lies ahead on the database's clock; `epoch` rises when it is taken over or returns."""

    id: ControllerId
    name: str
    address: str
    created: datetime
    expires: datetime
    version: int = 1
    epoch: int = 1
    state: str = "Up"
    agents_held: int = 0
    build: str = ""
