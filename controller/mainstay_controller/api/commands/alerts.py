"""Alerts: what should not have happened.  Each is open until its cause is gone; who knows of it acknowledges it, and gets no further mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Rows, Success, rows_of
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Between, Filter, Length
from mainstay_controller.api.registry import MAINSTAY, command
from mainstay_controller.api.selection import OfThoseDays, selected
from mainstay_controller.api.views import events as views
from mainstay_controller.domain.ids import AlertId, PodId, ZoneId
from mainstay_controller.domain.records import Alert
from mainstay_controller.operations.alerting import put_away
from mainstay_controller.operations.alerting.alerts import acknowledge_alerts, generate_alert, resolve_alerts
from mainstay_controller.operations.alerting.mail_alerts import send_test_letter
from mainstay_controller.operations.alerting.post import send
from mainstay_controller.operations.checks import a_name
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import AlertType, Place
from mainstay_controller.store.port import Repository, Store, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTypeView:
    wire_key: ClassVar[str] = "alerttype"

    alert_type_id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAlerts(Listing):
    """Lists alerts, newest first."""

    id: Annotated[AlertId | None, "the ID of the alert", Filter()] = None
    type: Annotated[int | None, "the number of the alert type", Filter()] = None
    name: Annotated[str | None, "the name of the alert type, such as ALERT.COMPUTE.HOST", Filter()] = None
    state: Annotated[str | None, "Open, Acknowledged or Resolved", Filter()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAlertTypes:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeAlerts(OfThoseDays):
    ids: Annotated[tuple[AlertId, ...] | None, "the IDs of the alerts"] = None
    type: Annotated[int | None, "only alerts of the type with this number"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TheseAlerts:
    ids: Annotated[tuple[AlertId, ...], "the IDs of the alerts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateAlert:
    type: Annotated[int, "the number of the alert type", Between(0, 32767)]
    name: Annotated[str, "the name of the alert type; ALERT. is put before it", Length(100)]
    description: Annotated[str, "what there is to say", Length(999)]
    zone_id: Annotated[ZoneId | None, "where: the zone"] = None
    pod_id: Annotated[PodId | None, "where: the pod"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTestAlertMail:
    pass


def _alerts(store: Store) -> Repository[Alert]:
    return store.alerts


list_alerts = listing(
    "listAlerts",
    request=ListAlerts,
    rows=_alerts,
    view=views.alerts,
    roles=ROOT_READS,
    keyword=("name", "subject"),
    order_by="created",
    newest_first=True,
    fixed=(eq("archived", False),),
)


@command("listAlertTypes", roles=ROOT_READS)
async def list_alert_types(_request: ListAlertTypes, _caller: Caller, _cloud: Cloud) -> Rows[AlertTypeView]:
    """Lists the types of alerts; a type is known by its name, for numbers come twice."""
    return rows_of([AlertTypeView(alert_type_id=each.number, name=each.name_told) for each in AlertType])


@command("archiveAlerts", roles=ROOT)
async def archive_alerts(request: SomeAlerts, _caller: Caller, cloud: Cloud) -> Success:
    """Puts alerts away: they are not listed any more."""
    await put_away.archive(_alerts, selected(request.ids, request.type, request), cloud)
    return Success()


@command("deleteAlerts", roles=ROOT)
async def delete_alerts(request: SomeAlerts, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes alerts for good."""
    await put_away.delete(_alerts, selected(request.ids, request.type, request), cloud)
    return Success()


@instant_job("generateAlert", roles=ROOT)
async def generate(request: GenerateAlert, _caller: Caller, cloud: Cloud) -> Success:
    """Raises an alert: for what other programs watch."""
    place = Place(zone_id=request.zone_id, pod_id=request.pod_id)
    name = a_name("name", request.name)
    await generate_alert(request.type, name, request.description, place, cloud)
    return Success()


@command("acknowledgeAlerts", roles=ROOT, since=MAINSTAY)
async def acknowledge(request: TheseAlerts, _caller: Caller, cloud: Cloud) -> Success:
    """Says that somebody looks after these alerts: no further mail about them."""
    await acknowledge_alerts(request.ids, cloud)
    return Success()


@command("resolveAlerts", roles=ROOT, since=MAINSTAY)
async def resolve(request: TheseAlerts, _caller: Caller, cloud: Cloud) -> Success:
    """Says that these alerts are over; if it happens again, that is a new alert."""
    await resolve_alerts(request.ids, cloud)
    return Success()


@command("sendTestAlertMail", roles=ROOT, since=MAINSTAY)
async def send_test_alert_mail(_request: SendTestAlertMail, _caller: Caller, cloud: Cloud) -> Success:
    """Sends a letter as alerts are sent, and tells what the mail server said."""
    await send_test_letter(send, cloud)
    return Success(display_text="the mail server took the letter")


COMMANDS = (
    list_alerts,
    list_alert_types,
    archive_alerts,
    delete_alerts,
    generate,
    acknowledge,
    resolve,
    send_test_alert_mail,
)
