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
    ha_tag: str = ""
    """ha.tag: hosts with this tag are kept free for HA restarts and are the only ones used for them."""
