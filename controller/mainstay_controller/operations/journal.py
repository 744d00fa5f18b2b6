"""Events and alerts, written in the caller's transaction, so that what happened and what is told of it are one.

An alert with a dedupe key is one row while it is open: a repetition counts up and does not mail again before its time.  Resolving it ends
it; the next occurrence is a new alert (CloudStack suppressed it for ever)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum

from mainstay_controller.domain.ids import (
    AccountId,
    AlertId,
    ClusterId,
    DomainId,
    EventId,
    HostId,
    JobId,
    PodId,
    UserId,
    ZoneId,
)
from mainstay_controller.domain.records import Alert, Event, Host, Vm
from mainstay_controller.store.port import Store, any_of, ne
from mainstay_runtime.clock import Clock, Rng


class AlertType(Enum):
    """CloudStack's numbers and names.  Numbers are not unique there (10, 32): the name is the identity."""

    MEMORY = (0, "ALERT.MEMORY")
    CPU = (1, "ALERT.CPU")
    STORAGE = (2, "ALERT.STORAGE")
    STORAGE_ALLOCATED = (3, "ALERT.STORAGE.ALLOCATED")
    PUBLIC_IP = (4, "ALERT.NETWORK.PUBLICIP")
    PRIVATE_IP = (5, "ALERT.NETWORK.PRIVATEIP")
    SECONDARY_STORAGE = (6, "ALERT.STORAGE.SECONDARY")
    HOST = (7, "ALERT.COMPUTE.HOST")
    USER_VM = (8, "ALERT.USERVM")
    DOMAIN_ROUTER = (9, "ALERT.SERVICE.DOMAINROUTER")
    CONSOLE_PROXY = (10, "ALERT.SERVICE.CONSOLEPROXY")
    ROUTING = (11, "ALERT.NETWORK.ROUTING")
    STORAGE_MISC = (12, "ALERT.STORAGE.MISC")
    USAGE = (13, "ALERT.USAGE")
    MANAGEMENT_NODE = (14, "ALERT.MANAGEMENT")
    ROUTER_MIGRATE = (15, "ALERT.NETWORK.DOMAINROUTERMIGRATE")
    CONSOLE_PROXY_MIGRATE = (16, "ALERT.SERVICE.CONSOLEPROXYMIGRATE")
    USER_VM_MIGRATE = (17, "ALERT.USERVM.MIGRATE")
    VLAN = (18, "ALERT.NETWORK.VLAN")
    SSVM = (19, "ALERT.SERVICE.SSVM")
    USAGE_RESULT = (20, "ALERT.USAGE.RESULT")
    STORAGE_DELETE = (21, "ALERT.STORAGE.DELETE")
    RESOURCE_COUNT = (22, "ALERT.RESOURCE.COUNT")
    USAGE_SANITY = (23, "ALERT.USAGE.SANITY")
    DIRECT_PUBLIC_IP = (24, "ALERT.NETWORK.DIRECTPUBLICIP")
    LOCAL_STORAGE = (25, "ALERT.STORAGE.LOCAL")
    RESOURCE_LIMIT = (26, "ALERT.RESOURCE.EXCEED")
    SYNC = (27, "ALERT.TYPE.SYNC")
    UPLOAD_FAILED = (28, "ALERT.UPLOAD.FAILED")
    OOBM_AUTH_ERROR = (29, "ALERT.OOBM.AUTHERROR")
    HA_ACTION = (30, "ALERT.HA.ACTION")
    CA_CERT = (31, "ALERT.CA.CERT")
    VM_SNAPSHOT = (32, "ALERT.VM.SNAPSHOT")

    @property
    def number(self) -> int:
        return self.value[0]

    @property
    def name_told(self) -> str:
        return self.value[1]


class Level(StrEnum):
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Whom and what an event concerns."""

    resource_type: str = ""
    resource_id: str = ""
    account_id: AccountId | None = None
    domain_id: DomainId | None = None
    user_id: UserId | None = None
    job_id: JobId | None = None


def about_vm(vm: Vm, *, user_id: UserId | None = None, job_id: JobId | None = None) -> About:
    return About(
        resource_type="VirtualMachine",
        resource_id=vm.id,
        account_id=vm.account_id,
        domain_id=vm.domain_id,
        user_id=user_id,
        job_id=job_id,
    )


def about_host(host: Host) -> About:
    return About(resource_type="Host", resource_id=host.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an alert arose, as far as it is known."""

    zone_id: ZoneId | None = None
    pod_id: PodId | None = None
    cluster_id: ClusterId | None = None
    host_id: HostId | None = None


def place_of(host: Host) -> Place:
    return Place(zone_id=host.zone_id, pod_id=host.pod_id, cluster_id=host.cluster_id, host_id=host.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What an alert is to tell.  With a `dedupe_key` it is one alert as long as it is open."""

    type: AlertType
    subject: str
    description: str = ""
    dedupe_key: str = ""
    place: Place


@dataclass(frozen=True, slots=True)
class Journal:
    clock: Clock
    rng: Rng

    async def event(
        self,
        store: Store,
        type: str,
        description: str,
        about: About,
        *,
        level: Level = Level.INFO,
        state: str = "Completed",
        start_event_id: str = "",
    ) -> Event:
        """`type` is CloudStack's name, such as VM.START; `start_event_id` chains Started and Completed to their first event."""
        entry = self.entry(type, description, about, level=level)
        return await store.events.add(replace(entry, state=state, start_event_id=start_event_id))

    def entry(self, type: str, description: str, about: About, *, level: Level = Level.INFO) -> Event:
        """An event yet to be written, for those that write many at once."""
        return Event(
            id=EventId(self.rng.uuid()),
            type=type,
            description=description,
            created=self.clock.now(),
            level=level,
            account_id=about.account_id,
            user_id=about.user_id,
            domain_id=about.domain_id,
            resource_type=about.resource_type,
            resource_id=about.resource_id,
            job_id=about.job_id,
        )

    async def alert(
        self,
        store: Store,
        type: AlertType,
        subject: str,
        *,
        description: str = "",
        dedupe_key: str = "",
        place: Place | None = None,
    ) -> Alert:
        trouble = Trouble(
            type=type, subject=subject, description=description, dedupe_key=dedupe_key, place=place or Place()
        )
        [told] = await self.alert_of_all(store, [trouble])
        return told

    async def alert_of_all(self, store: Store, troubles: Sequence[Trouble]) -> list[Alert]:
        """Of different keys."""
        known = await self._open_alerts(store, [trouble.dedupe_key for trouble in troubles])
        again = [(known[each.dedupe_key], each) for each in troubles if each.dedupe_key in known]
        fresh = [self._fresh(each) for each in troubles if each.dedupe_key not in known]
        repeated = await store.alerts.swap_all([(alert, repeated_by(each, alert)) for alert, each in again])
        await store.alerts.add_all(fresh)
        return [*repeated, *fresh]

    def _fresh(self, trouble: Trouble) -> Alert:
        return Alert(
            id=AlertId(self.rng.uuid()),
            type=trouble.type.number,
            name=trouble.type.name_told,
            subject=trouble.subject,
            description=trouble.description or trouble.subject,
            created=self.clock.now(),
            dedupe_key=trouble.dedupe_key,
            zone_id=trouble.place.zone_id,
            pod_id=trouble.place.pod_id,
            cluster_id=trouble.place.cluster_id,
            host_id=trouble.place.host_id,
        )

    async def resolve(self, store: Store, dedupe_key: str) -> None:
        """The trouble is over."""
        await self.resolve_all(store, [dedupe_key])

    async def resolve_all(self, store: Store, dedupe_keys: Sequence[str]) -> None:
        keys = [key for key in dedupe_keys if key]
        known = await store.alerts.find(any_of("dedupe_key", keys), ne("state", "Resolved"))
        now = self.clock.now()
        await store.alerts.swap_all([(each, replace(each, state="Resolved", resolved=now)) for each in known])

    async def _open_alerts(self, store: Store, dedupe_keys: Sequence[str]) -> dict[str, Alert]:
        keys = [key for key in dedupe_keys if key]
        if not keys:
            return {}
        return {
            each.dedupe_key: each
            for each in await store.alerts.find(any_of("dedupe_key", keys), ne("state", "Resolved"))
        }


def repeated_by(trouble: Trouble, alert: Alert) -> Alert:
    described = trouble.description or trouble.subject
    return replace(alert, count=alert.count + 1, subject=trouble.subject, description=described)
