"""An alert is resolved when its trouble is over, whoever ended it; and what is old is forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mainstay_controller.domain.alerts import OPEN, RESOLVED
from mainstay_controller.domain.ids import AccountId, AlertId, ControllerId, DomainId, HostId, OfferingId, VmId, ZoneId
from mainstay_controller.domain.records import Alert, Controller, OutOfBand, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.alerting.close_alerts import close_alerts, forget_old
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import About, AlertType
from tests.kit.api import a_cloud
from tests.kit.virtual_time import BEGINNING


async def an_alert(cloud: Cloud, key: str) -> None:
    await cloud.journal.alert(cloud.store, AlertType.USER_VM, f"about {key}", dedupe_key=key)


async def states(cloud: Cloud) -> list[str]:
    return [alert.state for alert in await cloud.store.alerts.find()]


async def a_fallen_vm(cloud: Cloud) -> Vm:
    return await cloud.store.vms.add(
        Vm(
            id=VmId("web"),
            name="web",
            created=BEGINNING,
            account_id=AccountId("ann"),
            domain_id=DomainId("root"),
            zone_id=ZoneId("z"),
            service_offering_id=OfferingId("o"),
            state=VmState.STOPPED,
            wanted_running=True,
        )
    )


async def test_a_vm_that_fell_is_an_alert_until_it_runs_again() -> None:
    cloud = a_cloud()
    vm = await a_fallen_vm(cloud)
    await an_alert(cloud, "vm-stopped:web")

    await close_alerts(cloud)
    fallen = await states(cloud)
    await cloud.store.vms.swap(vm, replace(vm, state=VmState.RUNNING))
    await close_alerts(cloud)

    assert (fallen, await states(cloud)) == ([OPEN], [RESOLVED])


async def test_a_vm_that_its_user_gave_up_is_no_trouble_any_more() -> None:
    cloud = a_cloud()
    vm = await a_fallen_vm(cloud)
    await an_alert(cloud, "vm-stopped:web")

    await cloud.store.vms.swap(vm, replace(vm, wanted_running=False))
    await close_alerts(cloud)

    assert await states(cloud) == [RESOLVED]


async def test_a_controller_that_is_back_and_a_power_controller_that_answers_are_no_trouble() -> None:
    cloud = a_cloud()
    now = await cloud.store.now()
    lost = Controller(id=ControllerId("c2"), name="c2", address="c2", created=now, expires=now, state="Down")
    await cloud.store.controllers.add(lost)
    mute = await cloud.store.out_of_band.add(OutOfBand(id=HostId("h1"), created=now))
    await an_alert(cloud, "controller:c2")
    await an_alert(cloud, "oobm-auth:h1")

    await close_alerts(cloud)
    before = await states(cloud)
    await cloud.store.controllers.swap(lost, replace(lost, state="Up", expires=now + timedelta(hours=1)))
    await cloud.store.out_of_band.swap(mute, replace(mute, power_state="On"))
    await close_alerts(cloud)

    assert (before, await states(cloud)) == ([OPEN, OPEN], [RESOLVED, RESOLVED])


async def test_what_an_operator_or_a_program_raised_stays_until_they_say_so() -> None:
    cloud = a_cloud()
    await an_alert(cloud, "")
    await an_alert(cloud, "certificate:4711")

    await close_alerts(cloud)

    assert await states(cloud) == [OPEN, OPEN]


async def test_old_events_are_forgotten_and_old_alerts_only_if_that_is_wished() -> None:
    cloud = a_cloud()
    for age_days in (1, 20):
        created = cloud.clock.now() - timedelta(days=age_days)
        event = cloud.journal.entry("VM.START", f"{age_days} days old", About())
        await cloud.store.events.add(replace(event, created=created))
        alert = Alert(
            id=AlertId(str(age_days)), type=8, name="ALERT.USERVM", subject="s", description="d", created=created
        )
        await cloud.store.alerts.add(alert)

    await forget_old(cloud)
    alerts_by_default = await cloud.store.alerts.count()
    cloud.settings = replace(cloud.settings, alert_purge_days=10.0)
    await forget_old(cloud)

    assert [event.description for event in await cloud.store.events.find()] == ["1 days old"]
    assert (alerts_by_default, await cloud.store.alerts.count()) == (2, 1)
