"""Events: what happened, to whom it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, accounts_within_reach
from mainstay_controller.api.answers import Rows, Success, rows_of
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import Filter, NotKept
from mainstay_controller.api.registry import command
from mainstay_controller.api.selection import OfThoseDays, selected, within
from mainstay_controller.api.views import events as views
from mainstay_controller.domain.event_types import EVENT_TYPES
from mainstay_controller.domain.ids import EventId
from mainstay_controller.domain.records import Event
from mainstay_controller.operations.alerting import put_away
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import Repository, Store, Where, any_of, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTypeView:
    wire_key: ClassVar[str] = "eventtype"

    name: str


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
    entry_time: Annotated[int | None, "how long an event has waited is not kept", NotKept()] = None
    duration: Annotated[int | None, "how long an event took is not kept", NotKept()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEventTypes:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeEvents(OfThoseDays):
    ids: Annotated[tuple[EventId, ...] | None, "the IDs of the events"] = None
    type: Annotated[str | None, "only events of this type"] = None


def _events(store: Store) -> Repository[Event]:
    return store.events


async def _which(request: ListEvents, _caller: Caller, _cloud: Cloud) -> list[Where]:
    return [eq("archived", request.archived), *within(request.start_date, request.end_date)]


list_events = listing(
    "listEvents",
    request=ListEvents,
    rows=_events,
    view=views.events,
    roles=EVERYBODY,
    keyword=("type", "description", "level"),
    order_by="created",
    newest_first=True,
    fixed=(),
    where=_which,
)


@command("listEventTypes", roles=EVERYBODY)
async def list_event_types(_request: ListEventTypes, _caller: Caller, _cloud: Cloud) -> Rows[EventTypeView]:
    """Lists the types of events."""
    return rows_of([EventTypeView(name=name) for name in EVENT_TYPES])


@command("archiveEvents", roles=USERS)
async def archive_events(request: SomeEvents, caller: Caller, cloud: Cloud) -> Success:
    """Puts the caller's events away: they are not listed any more, unless archived ones are asked for."""
    await put_away.archive(_events, await _theirs(request, caller, cloud), cloud)
    return Success()


@command("deleteEvents", roles=USERS)
async def delete_events(request: SomeEvents, caller: Caller, cloud: Cloud) -> Success:
    """Deletes the caller's events for good."""
    await put_away.delete(_events, await _theirs(request, caller, cloud), cloud)
    return Success()


async def _theirs(request: SomeEvents, caller: Caller, cloud: Cloud) -> list[Where]:
    chosen = selected(request.ids, request.type, request)
    accounts = await accounts_within_reach(caller, cloud.store)
    return chosen if accounts is None else [*chosen, any_of("account_id", [account.id for account in accounts])]


COMMANDS = (list_events, list_event_types, archive_events, delete_events)
