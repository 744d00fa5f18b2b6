"""Letters as a real mail server gets them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from mainstay_controller.domain.alerts import ACKNOWLEDGED, Letter
from mainstay_controller.domain.ids import ControllerId
from mainstay_controller.domain.records import Controller as ControllerRow
from mainstay_controller.domain.states import HostState
from mainstay_controller.operations.alerting.alerts import acknowledge_alerts
from mainstay_controller.operations.alerting.mail_alerts import mail_alerts, send_test_letter
from mainstay_controller.operations.alerting.post import NotDelivered, send
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import AlertType, place_of
from mainstay_controller.operations.settings import Settings
from tests.kit import small_cloud
from tests.kit.api import a_cloud
from tests.kit.mail_server import MailServer, a_mail_server


def a_cloud_that_mails(server: MailServer, **changes: Any) -> Cloud:
    cloud = a_cloud()
    cloud.settings = replace(
        cloud.settings,
        smtp_host="127.0.0.1",
        smtp_port=server.port,
        alert_addresses="ops@example.org, night@example.org",
        alert_sender="cloud@example.org",
        alert_quiet_seconds=0.0,
        **changes,
    )
    return cloud


async def raise_alert(cloud: Cloud, subject: str) -> str:
    return (await cloud.journal.alert(cloud.store, AlertType.HOST, subject, dedupe_key=subject)).id


async def test_alerts_of_one_moment_are_one_letter_and_are_told_once() -> None:
    async with a_mail_server() as server:
        cloud = a_cloud_that_mails(server)
        for subject in ("Host h1 is down", "Host h2 is down"):
            await raise_alert(cloud, subject)

        await mail_alerts(send, cloud)
        await mail_alerts(send, cloud)

    [letter] = server.taken
    assert (letter["From"], letter["To"]) == ("cloud@example.org", "ops@example.org, night@example.org")
    assert letter["Subject"] == "Mainstay: Host h1 is down (and 1 more)"


async def test_hosts_that_die_together_are_named_in_one_entry_while_their_alerts_stay_apart() -> None:
    letters: list[Letter] = []

    async def keep(letter: Letter, _now: datetime, _settings: Settings) -> None:
        letters.append(letter)

    async with small_cloud.a_cloud(hosts=3) as here:
        cloud = here.cloud
        cloud.settings = replace(
            cloud.settings, smtp_host="mail", alert_addresses="ops@example.org", alert_quiet_seconds=0.0
        )
        dead = (await cloud.store.hosts.find(order_by="name"))[:2]
        for host in dead:
            await cloud.store.hosts.swap(host, replace(host, state=HostState.DOWN))
            text, key = f"Host down, {host.name}", f"host:{host.id}"
            await cloud.journal.alert(cloud.store, AlertType.HOST, text, dedupe_key=key, place=place_of(host))

        await mail_alerts(keep, cloud)

        told = [alert.last_sent is not None for alert in await cloud.store.alerts.find()]
    [letter] = letters
    assert letter.subject == "Mainstay: 2 hosts down in cluster c"
    assert all(host.name in letter.text for host in dead)
    assert told == [True, True]


async def test_an_alert_that_repeats_itself_mails_no_more() -> None:
    async with a_mail_server() as server:
        cloud = a_cloud_that_mails(server)
        await raise_alert(cloud, "Host h1 is down")
        await mail_alerts(send, cloud)

        await raise_alert(cloud, "Host h1 is down")
        await mail_alerts(send, cloud)

    assert len(server.taken) == 1
    assert [alert.count for alert in await cloud.store.alerts.find()] == [2]


async def test_what_the_server_did_not_take_is_told_later() -> None:
    async with a_mail_server() as server:
        cloud = a_cloud_that_mails(server)
        await raise_alert(cloud, "Host h1 is down")
        server.refuses = True
        with pytest.raises(NotDelivered, match="come again later"):
            await mail_alerts(send, cloud)

        server.refuses = False
        await mail_alerts(send, cloud)

    assert len(server.taken) == 1


async def test_an_acknowledged_alert_is_told_no_more() -> None:
    async with a_mail_server() as server:
        cloud = a_cloud_that_mails(server)
        alert_id = await raise_alert(cloud, "Host h1 is down")

        await acknowledge_alerts([alert_id], cloud)  # type: ignore[list-item]
        await mail_alerts(send, cloud)

    assert server.taken == []
    assert (await cloud.store.alerts.by_id(alert_id)).state == ACKNOWLEDGED


async def test_of_many_controllers_one_writes() -> None:
    async with a_mail_server() as server:
        cloud = a_cloud_that_mails(server)
        now = await cloud.store.now()
        for id in ("c0", "c1"):
            row = ControllerRow(
                id=ControllerId(id), name=id, address="", created=now, expires=now + timedelta(seconds=60)
            )
            await cloud.store.controllers.add(row)
        await raise_alert(cloud, "Host h1 is down")

        await mail_alerts(send, cloud)

    assert server.taken == []


async def test_a_server_that_wants_a_login_gets_it() -> None:
    async with a_mail_server(users={"cloud": "secret"}) as server:
        cloud = a_cloud_that_mails(server, smtp_auth=True, smtp_username="cloud", smtp_password="secret")
        await send_test_letter(send, cloud)
        cloud.settings = replace(cloud.settings, smtp_password="wrong")
        with pytest.raises(NotDelivered, match="535"):
            await send_test_letter(send, cloud)

    assert [letter["Subject"] for letter in server.taken] == ["Mainstay: a test"]
