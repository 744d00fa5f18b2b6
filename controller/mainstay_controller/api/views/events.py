"""Events and alerts as clients see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.views.related import by_ids, names_of
from mainstay_controller.domain.records import Alert, Event
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    wire_key: ClassVar[str] = "event"

    id: str
    type: str
    level: str
    description: str
    state: str
    created: datetime
    parent_id: str | None
    job_id: str | None
    username: str | None
    account: str | None
    domain_id: str | None
    domain: str | None
    resource_id: str | None
    resource_type: str | None
    archived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """`state`, `count` and `resolved` are ours: an alert is open until its cause is gone."""

    wire_key: ClassVar[str] = "alert"

    id: str
    type: int
    name: str
    description: str
    sent: datetime
    state: str
    count: int
    resolved: datetime | None
    details: str
    zone_id: str | None
    pod_id: str | None
    cluster_id: str | None
    host_id: str | None


async def events(records: Sequence[Event], _caller: Caller, cloud: Cloud) -> list[EventView]:
    users = await by_ids(cloud.store.users, (event.user_id for event in records))
    accounts = await names_of(cloud.store.accounts, (event.account_id for event in records))
    domains = await names_of(cloud.store.domains, (event.domain_id for event in records))
    return [
        EventView(
            id=event.id,
            type=event.type,
            level=event.level,
            description=event.description,
            state=event.state,
            created=event.created,
            parent_id=event.start_event_id or None,
            job_id=event.job_id,
            username=users[event.user_id].username if event.user_id in users else None,
            account=accounts.get(event.account_id),
            domain_id=event.domain_id,
            domain=domains.get(event.domain_id),
            resource_id=event.resource_id or None,
            resource_type=event.resource_type or None,
            archived=event.archived,
        )
        for event in records
    ]


async def alerts(records: Sequence[Alert], _caller: Caller, _cloud: Cloud) -> list[AlertView]:
    return [
        AlertView(
            id=alert.id,
            type=alert.type,
            name=alert.name,
            description=alert.subject,
            sent=alert.last_sent or alert.created,
            state=alert.state,
            count=alert.count,
            resolved=alert.resolved,
            details=alert.description,
            zone_id=alert.zone_id,
            pod_id=alert.pod_id,
            cluster_id=alert.cluster_id,
            host_id=alert.host_id,
        )
        for alert in records
    ]
