"""What an operator may tune of this controller's doings.  Each carries CloudStack's name where it has one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    ping_interval_seconds: float = 1.0
    """ping.interval: how often an agent beats (CloudStack: 60 s)."""
    ping_timeout_factor: float = 3.0
    """ping.timeout: so many intervals without a beat make a host suspect (CloudStack: 2.5)."""
    session_grace_seconds: float = 1.0
    """How long an agent whose stream broke may take to dial again before its host is suspect."""
    goodbye_grace_seconds: float = 30.0
    """How long an agent that said goodbye may stay away (an upgrade) before its host is suspect."""
    reconnect_grace_seconds: float = 30.0
    """How long hosts may take to come to a controller that has started, or that took them over."""
    order_deadline_seconds: float = 60.0
    """How long a host may take over an order to a guest."""
    probe_deadline_seconds: float = 3.0
    """How long a neighbour may take to look at a host."""
    power_deadline_seconds: float = 20.0
    """outofbandmanagement.action.timeout: how long a power controller may take (CloudStack: 60 s)."""
    witnesses_per_pool: int = 3
    """How many neighbours are asked to watch a suspect's lease slot on each pool."""
    starts_per_host_max: int = 8
    """How many starts recovery has under way on one host."""
    restart_retry_seconds: float = 5.0
    """restart.retry.interval: first pause before a failed restart is tried again; doubles up to the next one (CloudStack: 600 s)."""
    restart_retry_seconds_max: float = 60.0
    """Longest pause between restarts; there is no last one."""
    force_ha: bool = False
    """force.ha: treat every VM as if its offering asked for HA."""
    controller_lease_seconds: float = 15.0
    """How long a controller is believed alive after it last said so; others take its work over after that."""
    local_restart_grace_seconds: float = 2.0
    """How long a crashed guest's own host may take to restart it before the controller takes it in hand."""
    ha_tag: str = ""
    """ha.tag: hosts with this tag are kept free for HA restarts and are the only ones used for them."""
    vm_allocation_algorithm: str = "firstfitleastconsumed"
    """vm.allocation.algorithm: which of the hosts with room is taken (CloudStack: random)."""
    cluster_cpu_disable_threshold: float = 0.85
    """cluster.cpu.allocated.capacity.disablethreshold: beyond this share a cluster takes no new guests."""
    cluster_memory_disable_threshold: float = 0.85
    """cluster.memory.allocated.capacity.disablethreshold."""
    cluster_threshold_enabled: bool = True
    """cluster.threshold.enabled: whether the thresholds bind guests that exist already, too."""
    storage_overprovisioning_factor: float = 2.0
    """storage.overprovisioning.factor: given to a new primary pool."""
    pool_allocated_disable_threshold: float = 0.85
    """pool.storage.allocated.capacity.disablethreshold: beyond this share of what it may promise a pool takes no new volume."""
    start_retry: int = 10
    """start.retry: on how many hosts one start is tried."""
    stop_grace_seconds: float = 120.0
    """stop.script.timeout: how long a guest may take to shut down before it is powered off."""
    migrate_deadline_seconds: float = 3600.0
    """migratewait: how long a live migration may take."""
    migrations_at_once: int = 2
    """How many guests are moved off a host at once when it is prepared for maintenance."""
    ask_again_seconds: float = 1.0
    """Pause before a host is asked again what became of an order."""
    enrolment_token_seconds: float = 86400.0
    """How long a token from addHost opens the door."""
    expunge_delay_seconds: float = 86400.0
    """expunge.delay: how long a destroyed VM can be recovered."""
