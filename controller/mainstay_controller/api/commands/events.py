"""Events and alerts: what happened, and what should not have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, ROOT_READS, Caller
from mainstay_controller.api.listing import Listing, ScopedListing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.views import events as views
from mainstay_controller.domain.ids import AlertId, EventId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import Where, at_least, at_most, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEvents(ScopedListing):
    """Lists events, newest first."""

    id: Annotated[EventId | None, "the ID of the event", Filter()] = None
    type: Annotated[str | None, "the event type, such as VM.START", Filter()] = None
    level: Annotated[str | None, "INFO, WARN or ERROR", Filter()] = None
    state: Annotated[str | None, "Created, Scheduled, Started or Completed", Filter()] = None
    start_date: Annotated[datetime | None, "only events since then"] = None
    end_date: Annotated[datetime | None, "only events until then"] = None
    start_id: Annotated[str | None, "only events that follow this one", Filter("start_event_id")] = None
    resource_id: Annotated[str | None, "only events about this resource", Filter()] = None
    resource_type: Annotated[str | None, "only events about this kind of resource", Filter()] = None
    archived: Annotated[bool, "list archived events instead"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAlerts(Listing):
    """Lists alerts, newest first."""

    id: Annotated[AlertId | None, "the ID of the alert", Filter()] = None
    type: Annotated[int | None, "the number of the alert type", Filter()] = None
    name: Annotated[str | None, "the name of the alert type, such as ALERT.COMPUTE.HOST", Filter()] = None
    state: Annotated[str | None, "Open, Acknowledged or Resolved", Filter()] = None


async def _of_those_days(request: ListEvents, _caller: Caller, _cloud: Cloud) -> list[Where]:
    conditions = [eq("archived", request.archived)]
    if request.start_date:
        conditions.append(at_least("created", request.start_date))
    if request.end_date:
        conditions.append(at_most("created", request.end_date))
    return conditions


list_events = listing(
    "listEvents",
    request=ListEvents,
    rows=lambda store: store.events,
    view=views.events,
    roles=EVERYBODY,
    keyword=("type", "description", "level"),
    order_by="created",
    newest_first=True,
    fixed=(),
    where=_of_those_days,
)

list_alerts = listing(
    "listAlerts",
    request=ListAlerts,
    rows=lambda store: store.alerts,
    view=views.alerts,
    roles=ROOT_READS,
    keyword=("name", "subject"),
    order_by="created",
    newest_first=True,
    fixed=(eq("archived", False),),
)

COMMANDS = (list_events, list_alerts)
