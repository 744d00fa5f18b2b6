"""Figures for Prometheus, looked up when it asks.

The promise: a figure that cannot be had is left out and counted in mainstay_scrape_failures; the rest is told all the same, and in time.
What is of the whole cloud every controller tells alike; what is of one controller (its agents, its loop, the incidents it closed) is summed over all."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from mainstay_controller.domain.ha.suspicion import Contact
from mainstay_controller.domain.records import Incident, Json
from mainstay_controller.domain.states import IncidentPhase, JobState
from mainstay_controller.operations.capacity.count_capacity import Within, count_capacity
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import LIVE, eq, greater
from mainstay_runtime.tasks import all_of

FIGURE_SECONDS_MAX = 3.0
BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120, 300)
AGES = {"0.5": 0.5, "0.99": 0.99, "1": 1.0}

log = structlog.get_logger()


class Metrics:
    def __init__(self, cloud: Cloud, registry: CollectorRegistry) -> None:
        self._cloud = cloud
        self._registry = registry
        self._told_until: datetime | None = None
        self._detection = Histogram(
            "mainstay_ha_detection_seconds", "Last heard to suspect", buckets=BUCKETS, registry=registry
        )
        self._fence = Histogram("mainstay_ha_fence_seconds", "Suspect to proof", buckets=BUCKETS, registry=registry)
        self._restart = Histogram(
            "mainstay_ha_restart_seconds", "Last heard to running", buckets=BUCKETS, registry=registry
        )
        self._age = Gauge(
            "mainstay_agent_heartbeat_age_seconds", "Age of heartbeats here", ["quantile"], registry=registry
        )
        self._agents = Gauge("mainstay_agents", "Hosts in session with this controller", registry=registry)
        self._lag = Gauge(
            "mainstay_event_loop_lag_seconds", "How late our own loop was, at worst of late", registry=registry
        )
        self._jobs = Gauge("mainstay_jobs", "Jobs", ["state"], registry=registry)
        self._hosts = Gauge("mainstay_hosts", "Hosts", ["state"], registry=registry)
        self._controllers = Gauge("mainstay_controllers", "Controllers", ["state"], registry=registry)
        self._expiry = Gauge(
            "mainstay_certificate_expiry_seconds", "Until the next one ends", ["role"], registry=registry
        )
        self._capacity = Gauge("mainstay_capacity", "Capacity", ["zone", "type", "of"], registry=registry)
        self._failures = Counter(
            "mainstay_scrape_failures", "Figures that could not be had", ["figure"], registry=registry
        )

    async def text(self) -> bytes:
        figures: dict[str, Callable[[], Awaitable[None]]] = {
            "incidents": self._incidents,
            "agents": self._of_agents,
            "jobs": self._of_jobs,
            "hosts": self._of_hosts,
            "controllers": self._of_controllers,
            "certificates": self._of_certificates,
            "capacity": self._of_capacity,
        }
        await all_of(*(self._guarded(name, figure) for name, figure in figures.items()))
        return generate_latest(self._registry)

    async def _guarded(self, name: str, figure: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(FIGURE_SECONDS_MAX):
                await figure()
        except Exception as error:
            self._failures.labels(name).inc()
            log.warning("a figure could not be had", figure=name, why=repr(error))

    async def _incidents(self) -> None:
        """Those that this controller has closed since the last time."""
        since = self._told_until or self._cloud.clock.now()
        for incident in await self._cloud.store.incidents.find(
            greater("closed", since), eq("owner_id", self._cloud.me.id), order_by="closed"
        ):
            since = incident.closed or since
            if incident.host_id is not None and incident.vm_id is None:
                await self._told_of(incident)
        self._told_until = since

    async def _told_of(self, incident: Incident) -> None:
        suspected = seconds_at(incident, IncidentPhase.SUSPECTED)
        proven = seconds_at(incident, IncidentPhase.RECOVERING)
        if suspected is None:
            return
        self._detection.observe(suspected)
        if proven is None:
            return
        self._fence.observe(proven - suspected)
        for decision in await self._cloud.store.decisions.find(eq("incident_id", incident.id)):
            for seconds in [seconds_of(phase) for phase in decision.phases if phase.get("name") == "running"]:
                if seconds is not None:
                    self._restart.observe(seconds)

    async def _of_agents(self) -> None:
        now = self._cloud.clock.monotonic()
        ages = sorted(now - last.at for last in self._cloud.fleet.last_heard() if last.contact is Contact.LIVE)
        self._agents.set(len(ages))
        self._lag.set(self._cloud.loop_lag_seconds)
        for name, quantile in AGES.items():
            self._age.labels(name).set(ages[min(int(len(ages) * quantile), len(ages) - 1)] if ages else 0)

    async def _of_jobs(self) -> None:
        for state in JobState:
            self._jobs.labels(state).set(await self._cloud.store.jobs.count(eq("state", state)))

    async def _of_hosts(self) -> None:
        self._hosts.clear()
        for state, count in Tally(host.state for host in await self._cloud.store.hosts.find(LIVE)).items():
            self._hosts.labels(state).set(count)

    async def _of_controllers(self) -> None:
        self._controllers.clear()
        for state, count in Tally(row.state for row in await self._cloud.store.controllers.find()).items():
            self._controllers.labels(state).set(count)

    async def _of_certificates(self) -> None:
        """The newest of each subject; what has ended belongs to nobody who is here."""
        now = await self._cloud.store.now()
        rows = await self._cloud.store.certificates.find(eq("revoked", None), order_by="not_after")
        newest = {(row.subject_role, row.subject_id): row.not_after for row in rows if row.not_after > now}
        self._expiry.clear()
        for (role, _), ends in sorted(newest.items(), key=lambda each: each[1], reverse=True):
            self._expiry.labels(role).set((ends - now).total_seconds())

    async def _of_capacity(self) -> None:
        self._capacity.clear()
        for zone in await self._cloud.store.zones.find(LIVE):
            for each in await count_capacity(Within(zone_id=zone.id), self._cloud):
                self._capacity.labels(zone.name, each.type.name.lower(), "total").inc(each.total)
                self._capacity.labels(zone.name, each.type.name.lower(), "used").inc(each.used)


def seconds_at(incident: Incident, phase: IncidentPhase) -> float | None:
    """On its stopwatch, when it came into that phase."""
    offsets = (entry.get("offset_ms") for entry in incident.timeline if entry.get("phase") == phase)
    first = next(offsets, None)
    return first / 1000 if isinstance(first, int) else None


def seconds_of(phase: dict[str, Json]) -> float | None:
    elapsed = phase.get("elapsed_ms")
    return elapsed / 1000 if isinstance(elapsed, int) else None
