"""Alerts live from open to resolved; alerts and events are put away by who may, and nobody means all by saying nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from mainstay_controller.domain.event_types import EVENT_TYPES
from mainstay_controller.operations.journal import About, AlertType
from tests.kit.api import ApiClient, an_api

SOURCES = Path(__file__).parents[3] / "controller" / "mainstay_controller"


async def the_alert(api: ApiClient) -> dict[str, object]:
    [alert] = (await api.call("listAlerts")).body["alert"]
    assert isinstance(alert, dict)
    return alert


async def test_an_alert_is_acknowledged_resolved_and_put_away() -> None:
    async with an_api() as api:
        await api.call("generateAlert", type="100", name="backup", description="no backup for two days")
        alert = await the_alert(api)
        await api.call("acknowledgeAlerts", ids=str(alert["id"]))
        acknowledged = await the_alert(api)
        await api.call("resolveAlerts", ids=str(alert["id"]))
        resolved = await the_alert(api)
        await api.call("archiveAlerts", ids=str(alert["id"]))
        left = await api.call("listAlerts")

    assert (alert["type"], alert["name"], alert["state"]) == (100, "ALERT.BACKUP", "Open")
    assert (acknowledged["state"], resolved["state"]) == ("Acknowledged", "Resolved")
    assert "resolved" in resolved
    assert left.body == {}


async def test_a_number_of_cloudstacks_keeps_its_name() -> None:
    async with an_api() as api:
        refused = await api.call("generateAlert", type="7", name="backup", description="x")
        taken = await api.call("generateAlert", type="7", name="compute.host", description="x")

    assert (refused.status, taken.status) == (431, 200)
    assert "There is a default alert having type 7 and name ALERT.COMPUTE.HOST" in refused.body["errortext"]


async def test_what_happens_again_after_it_was_resolved_is_a_new_alert() -> None:
    async with an_api() as api:
        for _ in range(2):
            await api.cloud.journal.alert(api.cloud.store, AlertType.HOST, "h1 is down", dedupe_key="h1")
            [alert] = (await api.call("listAlerts", state="Open")).body["alert"]
            await api.call("resolveAlerts", ids=alert["id"])
        listed = await api.call("listAlerts")

    assert listed.body["count"] == 2


async def test_nobody_means_all_by_saying_nothing() -> None:
    async with an_api() as api:
        answers = [await api.call(name) for name in ("archiveAlerts", "deleteAlerts", "archiveEvents", "deleteEvents")]

    assert {answer.status for answer in answers} == {431}
    assert all("ids" in answer.body["errortext"] for answer in answers)


async def test_types_are_listed() -> None:
    async with an_api() as api:
        alerts = await api.call("listAlertTypes")
        events = await api.call("listEventTypes")

    assert {"alerttypeid": 7, "name": "ALERT.COMPUTE.HOST"} in alerts.body["alerttype"]
    assert {"name": "VM.START"} in events.body["eventtype"]


async def test_events_are_archived_and_deleted_by_type() -> None:
    async with an_api() as api:
        journal, store = api.cloud.journal, api.cloud.store
        for type in ("VM.START", "VM.STOP"):
            await journal.event(store, type, "x", About())

        await api.call("archiveEvents", type="VM.STOP")
        left = await api.call("listEvents", listall="true")
        archived = await api.call("listEvents", listall="true", archived="true")
        await api.call("deleteEvents", type="VM.STOP")
        deleted = await api.call("listEvents", listall="true", archived="true")

    assert [event["type"] for event in left.body["event"]] == ["VM.START"]
    assert [event["type"] for event in archived.body["event"]] == ["VM.STOP"]
    assert deleted.body == {}


async def test_a_test_letter_without_a_server_says_which_settings_to_set() -> None:
    async with an_api() as api:
        refused = await api.call("sendTestAlertMail")
        await api.call("updateConfiguration", name="alert.smtp.host", value="127.0.0.1")
        await api.call("updateConfiguration", name="alert.smtp.port", value="9")
        await api.call("updateConfiguration", name="alert.email.addresses", value="ops@example.org")
        unreached = await api.call("sendTestAlertMail")

    assert (refused.status, unreached.status) == (534, 534)
    assert "alert.smtp.host" in refused.body["errortext"]
    assert "The mail server 127.0.0.1:9 did not take the letter" in unreached.body["errortext"]


def test_the_event_types_are_those_that_are_written() -> None:
    said = {
        node.value
        for file in SOURCES.rglob("*.py")
        if file.name != "event_types.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    written = {text for text in said if re.fullmatch(r"(?!ALERT\.)[A-Z]+(\.[A-Z]+)+", text)}
    assert written == set(EVENT_TYPES), "list it in domain/event_types.py"
