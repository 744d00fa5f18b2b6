"""What operators are told of a real controller's troubles: by mail, in lists, once for what belongs together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cs import CloudStack

from tests.kit.mail_server import MailServer
from tests.kit.running_cloud import RunningController, a_running_controller, until

GUESTS = 14
WITHIN_SECONDS = 90.0
AGAIN_SECONDS = 3
QUIET_SECONDS = 2
"""Much less than it takes to prove a host dead: its letter waits for its guests."""


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with a_running_controller(tmp_path) as running:
        yield running


@pytest.fixture
def cs(controller: RunningController) -> Any:
    keys = controller.admin
    return CloudStack(endpoint=controller.api, key=keys["apikey"], secret=keys["secretkey"], poll_interval=0.1)


@pytest.fixture
def mail(cs: Any) -> Iterator[MailServer]:
    """Letters of this cloud come here."""
    server = MailServer()
    server.start()
    wishes = {
        "alert.smtp.host": "127.0.0.1",
        "alert.smtp.port": server.port,
        "alert.email.addresses": "ops@example.org",
        "mainstay.alert.quiet": QUIET_SECONDS,
        "mainstay.alert.again": 3600,
    }
    for name, value in wishes.items():
        cs.updateConfiguration(name=name, value=str(value))
    yield server
    server.stop()


def invitations(cs: Any, hosts: int) -> dict[str, str]:
    """To a zone that is open, with that many hosts."""
    zone = cs.createZone(name="z1", dns1="192.0.2.1", internaldns1="192.0.2.2", networktype="Advanced")["zone"]["id"]
    addresses = {"gateway": "10.99.0.1", "netmask": "255.255.0.0", "startip": "10.99.1.1", "endip": "10.99.1.99"}
    pod = cs.createPod(zoneid=zone, name="p1", **addresses)["pod"]["id"]
    place = {"zoneid": zone, "podid": pod}
    kind = {"clustertype": "CloudManaged", "hypervisor": "Simulator", "leaseprofile": "fast"}
    [cluster] = cs.addCluster(**place, clustername="c1", **kind)["cluster"]
    place["clusterid"] = cluster["id"]
    cs.updateZone(id=zone, allocationstate="Enabled")
    added = [cs.addHost(**place, hypervisor="Simulator", url=f"http://sim/c1/h{number}") for number in range(hosts)]
    return {host["name"]: host["invitation"] for each in added for host in each["host"]}


def guests_on(cs: Any, host: dict[str, Any]) -> None:
    """So many, without HA: when their host dies each is a trouble of its own."""
    place = {"zoneid": host["zoneid"], "podid": host["podid"], "clusterid": host["clusterid"]}
    cs.createStoragePool(**place, name="primary", url="sim:///primary")
    image = {"url": "file:///images/tiny.qcow2", "format": "QCOW2", "hypervisor": "Simulator"}
    [template] = cs.registerTemplate(name="tiny", displaytext="tiny", zoneid=host["zoneid"], **image)["template"]
    size = cs.createServiceOffering(name="s", displaytext="s", cpunumber=1, cpuspeed=100, memory=64)["serviceoffering"]
    jobs = [
        cs.deployVirtualMachine(
            name=f"g{number}",
            zoneid=host["zoneid"],
            hostid=host["id"],
            templateid=template["id"],
            serviceofferingid=size["id"],
        )["jobid"]
        for number in range(GUESTS)
    ]
    until(lambda: all(cs.queryAsyncJobResult(jobid=job)["jobstatus"] == 1 for job in jobs), WITHIN_SECONDS)


def open_alerts(cs: Any) -> list[dict[str, Any]]:
    return [each for each in cs.listAlerts(fetch_list=True) if each["state"] == "Open"]


def test_a_test_letter_comes(cs: Any, mail: MailServer) -> None:
    cs.sendTestAlertMail()

    assert [letter["Subject"] for letter in mail.taken] == ["Mainstay: a test"]


def test_a_dead_host_and_its_guests_are_one_letter_until_somebody_looks_after_it(
    controller: RunningController, cs: Any, mail: MailServer
) -> None:
    with controller.agents(invitations(cs, hosts=3)) as desk:
        until(lambda: len(cs.listHosts(state="Up").get("host", [])) == 3, WITHIN_SECONDS)
        [host] = cs.listHosts(name="c1-h0")["host"]
        guests_on(cs, host)

        desk.hurt("power-off", host["name"])
        until(lambda: len(open_alerts(cs)) > GUESTS and bool(mail.taken), WITHIN_SECONDS)

        told = [letter.get_payload(decode=True) for letter in mail.taken]
        assert (len(told), all(f"VM g{number} ".encode() in told[0] for number in range(GUESTS))) == (1, True), told
        assert mail.taken[0]["Subject"].startswith("Mainstay: Host")
        cs.updateConfiguration(name="mainstay.alert.again", value=str(AGAIN_SECONDS))
        until(lambda: len(mail.taken) > 1, WITHIN_SECONDS)
        cs.acknowledgeAlerts(ids=[each["id"] for each in open_alerts(cs)])
        assert open_alerts(cs) == []
        assert mail.taken[1]["Subject"] == mail.taken[0]["Subject"]


def test_a_copied_identity_is_an_alert_and_an_event(controller: RunningController, cs: Any) -> None:
    with controller.agents(invitations(cs, hosts=1)):
        until(lambda: bool(cs.listHosts(state="Up")), WITHIN_SECONDS)
        with controller.twins():
            until(lambda: bool(open_alerts(cs)), WITHIN_SECONDS)
            [host] = cs.listHosts()["host"]

        [alert] = open_alerts(cs)
        [event] = cs.listEvents(type="HOST.TWIN", listall=True)["event"]

    assert "identity of host c1-h0" in alert["description"]
    assert (event["level"], host["state"]) == ("ERROR", "Up")
