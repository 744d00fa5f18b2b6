"""What an operator may tune of this controller's doings: one declaration of each setting, with its default.

Each carries CloudStack's name where it has one, and `mainstay.` before a name of our own.  `Cloud.settings` is what holds now; it is
replaced as a whole when an operator changes something (`operations.tune`), so that every reader sees the change at its next use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, get_args, get_type_hints

from mainstay_controller.domain.placement.snapshot import Algorithm
from mainstay_controller.domain.tunable import Scope, Tunable, Value

HA, CAPACITY, VMS, API, AGENTS, STORAGE, ALERTS = (
    "High availability",
    "Capacity",
    "Virtual machines",
    "API",
    "Agents",
    "Storage",
    "Alerts",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    # agents
    ping_interval_seconds: Annotated[
        float,
        Tunable(
            name="ping.interval",
            group=AGENTS,
            unit="s",
            low=0.1,
            high=600,
            theirs="60",
            at_start=True,
            told="How often an agent beats.",
        ),
    ] = 1.0
    ping_timeout_factor: Annotated[
        float,
        Tunable(
            name="ping.timeout",
            group=AGENTS,
            low=1.5,
            high=100,
            theirs="2.5",
            at_start=True,
            told="So many intervals without a beat make a host suspect.",
        ),
    ] = 3.0
    session_grace_seconds: Annotated[
        float,
        Tunable(
            name="mainstay.session.grace",
            group=AGENTS,
            unit="s",
            low=0,
            high=600,
            told="How long an agent whose stream broke may take to dial again before its host is suspect.",
        ),
    ] = 1.0
    goodbye_grace_seconds: Annotated[
        float,
        Tunable(
            name="mainstay.goodbye.grace",
            group=AGENTS,
            unit="s",
            low=0,
            high=3600,
            told="How long an agent that said goodbye may stay away (an upgrade) before its host is suspect.",
        ),
    ] = 30.0
    reconnect_grace_seconds: Annotated[
        float,
        Tunable(
            name="mainstay.reconnect.grace",
            group=AGENTS,
            unit="s",
            low=0,
            high=3600,
            told="How long hosts of a controller that is gone may take, after the last of them came, to come to another.",
        ),
    ] = 40.0
    order_deadline_seconds: Annotated[
        float,
        Tunable(
            name="mainstay.order.deadline",
            group=AGENTS,
            unit="s",
            low=1,
            high=3600,
            told="How long a host may take over an order to a guest.",
        ),
    ] = 60.0
    ask_again_seconds: Annotated[
        float,
        Tunable(
            name="mainstay.ask.again",
            group=AGENTS,
            unit="s",
            low=0.1,
            high=60,
            told="Pause before a host is asked again what became of an order.",
        ),
    ] = 1.0
    enrolment_token_seconds: Annotated[
        float,
        Tunable(
            name="mainstay.enrolment.token.lifetime",
            group=AGENTS,
            unit="s",
            low=60,
            high=31_536_000,
            told="How long a token from addHost opens the door.",
        ),
    ] = 86400.0

    # high availability
    probe_deadline_seconds: Annotated[
        float,
        Tunable(
            name="mainstay.probe.deadline",
            group=HA,
            unit="s",
            low=0.1,
            high=60,
            told="How long a neighbour may take to look at a host.",
        ),
    ] = 3.0
    power_deadline_seconds: Annotated[
        float,
        Tunable(
            name="outofbandmanagement.action.timeout",
            group=HA,
            unit="s",
            low=1,
            high=600,
            theirs="60",
            told="How long a power controller may take over one action.",
        ),
    ] = 20.0
    witnesses_per_pool: Annotated[
        int,
        Tunable(
            name="mainstay.witnesses.per.pool",
            group=HA,
            low=1,
            high=16,
            told="How many neighbours are asked to watch a suspect's lease slot on each pool.",
        ),
    ] = 3
    investigations_max: Annotated[
        int,
        Tunable(
            name="mainstay.investigations.max",
            group=HA,
            low=1,
            high=10_000,
            told="How many silent hosts a controller asks about at a time; the others wait for their turn.",
        ),
    ] = 128
    starts_per_host_max: Annotated[
        int,
        Tunable(
            name="mainstay.starts.per.host",
            group=HA,
            low=1,
            high=1000,
            told="How many starts recovery has under way on one host.",
        ),
    ] = 8
    restart_retry_seconds: Annotated[
        float,
        Tunable(
            name="restart.retry.interval",
            group=HA,
            unit="s",
            low=0.1,
            high=3600,
            theirs="600",
            told="First pause before a failed restart is tried again; it doubles up to mainstay.restart.retry.max.",
        ),
    ] = 5.0
    restart_retry_seconds_max: Annotated[
        float,
        Tunable(
            name="mainstay.restart.retry.max",
            group=HA,
            unit="s",
            low=1,
            high=86400,
            told="Longest pause between restarts; there is no last one.",
        ),
    ] = 60.0
    force_ha: Annotated[
        bool, Tunable(name="force.ha", group=HA, told="Treat every VM as if its offering asked for HA.")
    ] = False
    host: Annotated[
        str,
        Tunable(
            name="host",
            group=AGENTS,
            told="Where agents and system VMs find the controllers, with commas between; empty: at the addresses they advertise.",
        ),
    ] = ""
    controller_lease_seconds: Annotated[
        float,
        Tunable(
            name="mainstay.controller.lease",
            group=HA,
            unit="s",
            low=3,
            high=600,
            at_start=True,
            told="How long a controller is believed alive after it last said so; others take its work over after that.",
        ),
    ] = 15.0
    local_restart_grace_seconds: Annotated[
        float,
        Tunable(
            name="mainstay.local.restart.grace",
            group=HA,
            unit="s",
            low=0,
            high=600,
            told="How long a crashed guest's own host may take to restart it before the controller takes it in hand.",
        ),
    ] = 2.0
    crash_loop_stops: Annotated[
        int,
        Tunable(
            name="mainstay.crash.loop.stops",
            group=HA,
            low=2,
            high=1000,
            told="So many unexpected stops of one guest with HA within an hour are an alert; it is restarted nevertheless.",
        ),
    ] = 5
    ha_tag: Annotated[
        str,
        Tunable(
            name="ha.tag",
            group=HA,
            told="Hosts with this tag are kept free for HA restarts and are the only ones used for them.",
        ),
    ] = ""

    # capacity
    vm_allocation_algorithm: Annotated[
        str,
        Tunable(
            name="vm.allocation.algorithm",
            group=CAPACITY,
            choices=tuple(Algorithm),
            theirs="random",
            told="Which of the hosts with room is taken.",
        ),
    ] = "firstfitleastconsumed"
    cluster_cpu_disable_threshold: Annotated[
        float,
        Tunable(
            name="cluster.cpu.allocated.capacity.disablethreshold",
            group=CAPACITY,
            low=0,
            high=1,
            scope=Scope.CLUSTER,
            told="Beyond this share of its CPU a cluster takes no new guests.",
        ),
    ] = 0.85
    cluster_memory_disable_threshold: Annotated[
        float,
        Tunable(
            name="cluster.memory.allocated.capacity.disablethreshold",
            group=CAPACITY,
            low=0,
            high=1,
            scope=Scope.CLUSTER,
            told="Beyond this share of its memory a cluster takes no new guests.",
        ),
    ] = 0.85
    cluster_cpu_notification_threshold: Annotated[
        float,
        Tunable(
            name="cluster.cpu.allocated.capacity.notificationthreshold",
            group=CAPACITY,
            low=0,
            high=1,
            scope=Scope.CLUSTER,
            told="Beyond this share of its CPU a cluster raises an alert.",
        ),
    ] = 0.75
    cluster_memory_notification_threshold: Annotated[
        float,
        Tunable(
            name="cluster.memory.allocated.capacity.notificationthreshold",
            group=CAPACITY,
            low=0,
            high=1,
            scope=Scope.CLUSTER,
            told="Beyond this share of its memory a cluster raises an alert.",
        ),
    ] = 0.75
    cluster_storage_notification_threshold: Annotated[
        float,
        Tunable(
            name="cluster.storage.capacity.notificationthreshold",
            group=CAPACITY,
            low=0,
            high=1,
            scope=Scope.CLUSTER,
            told="Beyond this share of its primary storage in use a cluster raises an alert.",
        ),
    ] = 0.75
    cluster_storage_allocated_notification_threshold: Annotated[
        float,
        Tunable(
            name="cluster.storage.allocated.capacity.notificationthreshold",
            group=CAPACITY,
            low=0,
            high=1,
            scope=Scope.CLUSTER,
            told="Beyond this share of its primary storage promised a cluster raises an alert.",
        ),
    ] = 0.75
    capacity_check_ms: Annotated[
        int,
        Tunable(
            name="capacity.check.period",
            group=CAPACITY,
            unit="ms",
            low=1000,
            high=86_400_000,
            told="How often pools are measured and thresholds are looked at.",
        ),
    ] = 300_000
    cluster_threshold_enabled: Annotated[
        bool,
        Tunable(
            name="cluster.threshold.enabled",
            group=CAPACITY,
            told="Whether the thresholds bind guests that exist already, too.",
        ),
    ] = True
    cpu_overprovisioning_factor: Annotated[
        float,
        Tunable(
            name="cpu.overprovisioning.factor",
            group=CAPACITY,
            low=0.01,
            high=100,
            scope=Scope.CLUSTER,
            told="How many times its physical CPU a cluster promises; given to a new cluster.",
        ),
    ] = 1.0
    memory_overprovisioning_factor: Annotated[
        float,
        Tunable(
            name="mem.overprovisioning.factor",
            group=CAPACITY,
            low=0.01,
            high=100,
            scope=Scope.CLUSTER,
            told="How many times its physical memory a cluster promises; given to a new cluster.",
        ),
    ] = 1.0

    # storage
    storage_overprovisioning_factor: Annotated[
        float,
        Tunable(
            name="storage.overprovisioning.factor",
            group=STORAGE,
            low=0.01,
            high=100,
            scope=Scope.STORAGE_POOL,
            told="How many times its size a primary pool promises; given to a new pool.",
        ),
    ] = 2.0
    pool_allocated_disable_threshold: Annotated[
        float,
        Tunable(
            name="pool.storage.allocated.capacity.disablethreshold",
            group=STORAGE,
            low=0,
            high=1,
            scope=Scope.ZONE,
            told="Beyond this share of what it may promise a pool takes no new volume.",
        ),
    ] = 0.85

    # virtual machines
    start_retry: Annotated[
        int, Tunable(name="start.retry", group=VMS, low=1, high=1000, told="On how many hosts one start is tried.")
    ] = 10
    stop_grace_seconds: Annotated[
        float,
        Tunable(
            name="stop.script.timeout",
            group=VMS,
            unit="s",
            low=0,
            high=3600,
            told="How long a guest may take to shut down before it is powered off.",
        ),
    ] = 120.0
    migrate_deadline_seconds: Annotated[
        float,
        Tunable(name="migratewait", group=VMS, unit="s", low=1, high=86400, told="How long a live migration may take."),
    ] = 3600.0
    migrations_at_once: Annotated[
        int,
        Tunable(
            name="mainstay.migrations.at.once",
            group=VMS,
            low=1,
            high=100,
            told="How many guests are moved off a host at once when it is prepared for maintenance.",
        ),
    ] = 2
    endpoint_url: Annotated[
        str,
        Tunable(
            name="endpoint.url",
            group=API,
            theirs="http://localhost:8080/client/api",
            told="Where clients reach the API, for addresses we tell them, as behind a proxy; empty: where the client came to.",
        ),
    ] = ""
    console_sessions_max: Annotated[
        int,
        Tunable(
            name="consoleproxy.session.max",
            group=VMS,
            low=0,
            high=1000,
            told="How many consoles one controller shows at a time.",
        ),
    ] = 50
    console_idle_milliseconds: Annotated[
        int,
        Tunable(
            name="consoleproxy.session.timeout",
            group=VMS,
            unit="ms",
            low=1000,
            high=86_400_000,
            told="A console from whose viewer nothing was heard for so long is closed.",
        ),
    ] = 300_000
    download_seconds: Annotated[
        float,
        Tunable(
            name="extract.url.expiration.interval",
            group=STORAGE,
            unit="s",
            low=1,
            high=31_536_000,
            told="How long the address of a template, ISO or volume opens its download.",
        ),
    ] = 14_400.0
    job_expire_minutes: Annotated[
        float,
        Tunable(
            name="job.expire.minutes",
            group=VMS,
            unit="min",
            low=1,
            high=525600,
            told="How long the result of a finished job can be asked for.",
        ),
    ] = 1440.0
    expunge_delay_seconds: Annotated[
        float,
        Tunable(
            name="expunge.delay",
            group=VMS,
            unit="s",
            low=0,
            high=31_536_000,
            told="How long a destroyed VM can be recovered.",
        ),
    ] = 86400.0

    # API
    throttling_enabled: Annotated[
        bool,
        Tunable(
            name="api.throttling.enabled", group=API, told="Whether the calls of an account are limited in number."
        ),
    ] = False
    throttling_interval_seconds: Annotated[
        int,
        Tunable(
            name="api.throttling.interval",
            group=API,
            unit="s",
            low=1,
            high=86400,
            scope=Scope.ACCOUNT,
            told="How long a window of counted calls lasts, from its first call.",
        ),
    ] = 1
    throttling_max: Annotated[
        int,
        Tunable(
            name="api.throttling.max",
            group=API,
            low=1,
            high=1_000_000,
            scope=Scope.ACCOUNT,
            told="How many calls an account may make in a window, over all controllers together.",
        ),
    ] = 25
    throttling_cache_size: Annotated[
        int,
        Tunable(
            name="api.throttling.cachesize",
            group=API,
            low=1,
            high=10_000_000,
            told="How many windows are kept before the oldest that are over are forgotten.",
        ),
    ] = 50_000
    login_attempts_max: Annotated[
        int,
        Tunable(
            name="incorrect.login.attempts.allowed",
            group=API,
            low=1,
            high=1000,
            told="So many wrong passwords lock a user.",
        ),
    ] = 5
    logins_per_minute_max: Annotated[
        int,
        Tunable(
            name="mainstay.login.throttling.max",
            group=API,
            low=1,
            high=100_000,
            told="How many logins a minute are tried from one address.",
        ),
    ] = 30
    session_timeout_seconds: Annotated[
        float,
        Tunable(
            name="session.timeout",
            group=API,
            unit="s",
            low=10,
            high=604_800,
            told="How long a login lasts without use (CloudStack: minutes, in server.properties).",
        ),
    ] = 1800.0
    session_key_locations: Annotated[
        str,
        Tunable(
            name="api.sessionkey.check.locations",
            group=API,
            choices=("CookieAndParameter", "CookieOrParameter", "ParameterOnly"),
            told="Where a logged-in client must show its session key.",
        ),
    ] = "CookieAndParameter"
    secure_session_cookie: Annotated[
        bool,
        Tunable(
            name="enable.secure.session.cookie",
            group=API,
            told="Whether cookies are sent over HTTPS only.",
        ),
    ] = False
    integration_port: Annotated[
        int,
        Tunable(
            name="integration.api.port",
            group=API,
            low=0,
            high=65535,
            told="A port where whoever reaches it is the administrator, without signature or login; 0: none.",
        ),
    ] = 0
    integration_port_is_open: Annotated[
        bool,
        Tunable(
            name="mainstay.integration.api.open",
            group=API,
            told="Whether the integration port listens on all addresses and not on the loopback only.  Think twice.",
        ),
    ] = False

    # alerts
    alert_addresses: Annotated[
        str,
        Tunable(
            name="alert.email.addresses",
            group=ALERTS,
            told="Who is told of alerts by mail, comma-separated.",
        ),
    ] = ""
    alert_sender: Annotated[
        str,
        Tunable(
            name="alert.email.sender",
            group=ALERTS,
            told="From whom such mail comes; the first of those addresses if it is empty.",
        ),
    ] = ""
    smtp_host: Annotated[
        str,
        Tunable(
            name="alert.smtp.host",
            group=ALERTS,
            told="The mail server; without one no mail is sent.",
        ),
    ] = ""
    smtp_port: Annotated[
        int,
        Tunable(
            name="alert.smtp.port",
            group=ALERTS,
            low=1,
            high=65535,
            told="Its port; 465 speaks TLS from the first byte.",
        ),
    ] = 465
    smtp_start_tls: Annotated[
        bool,
        Tunable(
            name="alert.smtp.useStartTLS",
            group=ALERTS,
            told="Whether a plain connection must turn to TLS before anything is sent.",
        ),
    ] = False
    smtp_auth: Annotated[
        bool,
        Tunable(
            name="alert.smtp.useAuth",
            group=ALERTS,
            told="Whether the mail server wants a login.",
        ),
    ] = False
    smtp_username: Annotated[
        str,
        Tunable(
            name="alert.smtp.username",
            group=ALERTS,
            told="With which name.",
        ),
    ] = ""
    smtp_password: Annotated[
        str,
        Tunable(
            name="alert.smtp.password",
            group=ALERTS,
            is_secret=True,
            told="With which password.",
        ),
    ] = ""
    smtp_timeout_ms: Annotated[
        int,
        Tunable(
            name="alert.smtp.timeout",
            group=ALERTS,
            unit="ms",
            low=100,
            high=600_000,
            told="How long the mail server may take over a letter.",
        ),
    ] = 30_000
    smtp_connection_timeout_ms: Annotated[
        int,
        Tunable(
            name="alert.smtp.connectiontimeout",
            group=ALERTS,
            unit="ms",
            low=100,
            high=600_000,
            told="How long it may take over any one answer.",
        ),
    ] = 30_000
    alert_quiet_seconds: Annotated[
        float,
        Tunable(
            name="mainstay.alert.quiet",
            group=ALERTS,
            unit="s",
            low=0,
            high=3600,
            told="A letter goes when no further alert has come for so long and no host is being investigated: its guests belong to it.",
        ),
    ] = 30.0
    alert_wait_seconds_max: Annotated[
        float,
        Tunable(
            name="mainstay.alert.wait.max",
            group=ALERTS,
            unit="s",
            low=0,
            high=86400,
            told="A letter goes after so long, however many alerts still come.",
        ),
    ] = 120.0
    alert_again_seconds: Annotated[
        float,
        Tunable(
            name="mainstay.alert.again",
            group=ALERTS,
            unit="s",
            low=1,
            high=31_536_000,
            told="An open alert that nobody acknowledges is told of again after so long.",
        ),
    ] = 86_400.0
    alert_purge_days: Annotated[
        float,
        Tunable(
            name="alert.purge.delay",
            group=ALERTS,
            unit="days",
            low=0,
            high=36_500,
            told="Alerts older than this are forgotten; 0: never.",
        ),
    ] = 0.0
    alert_purge_interval_seconds: Annotated[
        float,
        Tunable(
            name="alert.purge.interval",
            group=ALERTS,
            unit="s",
            low=1,
            high=31_536_000,
            told="How often old alerts are looked for; and old events too.",
        ),
    ] = 86_400.0
    event_purge_days: Annotated[
        float,
        Tunable(
            name="event.purge.delay",
            group=ALERTS,
            unit="days",
            low=0,
            high=36_500,
            told="Events older than this are forgotten; 0: never.",
        ),
    ] = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One setting as it stands above."""

    field: str
    kind: type
    default: Value
    tunable: Tunable


@cache
def declared() -> Mapping[str, Declared]:
    """Every setting, by the name that operators know."""
    hints, defaults = get_type_hints(Settings, include_extras=True), Settings()
    found = {}
    for each in fields(Settings):
        kind, tunable = get_args(hints[each.name])
        found[tunable.name] = Declared(
            field=each.name, kind=kind, default=getattr(defaults, each.name), tunable=tunable
        )
    return found
