"""What the database keeps of secrets opens nothing without the cloud's master key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mainstay_controller.domain.ids import HostId, TemplateId, VmId
from mainstay_controller.domain.records import OutOfBand
from mainstay_controller.domain.tunable import HIDDEN
from mainstay_controller.operations.beginning.first_admin import ADMIN_USER_ID, ROOT_DOMAIN_ID
from mainstay_controller.operations.hosts.out_of_band import places_of_power
from mainstay_controller.operations.master_key import MasterKey, WrongMasterKey
from mainstay_controller.operations.orders.screen_passwords import (
    fresh_screen_password,
    screen_password,
    seal_screen_passwords,
)
from mainstay_controller.operations.secrets import name_of_power_password, sealed
from tests.controller.api.test_hosts_isos_and_system_vms import a_vm, an_iso
from tests.controller.api.test_people import a_member
from tests.controller.api.test_places import a_zone
from tests.kit.api import a_cloud, an_api

KEY = MasterKey.from_text("a secret of more than thirty-two characters")


async def test_a_secret_key_is_sealed_at_rest_and_signs_all_the_same() -> None:
    cloud = a_cloud()
    cloud.master_key = KEY
    async with an_api(cloud=cloud) as api:
        kept = (await cloud.store.users.by_id(ADMIN_USER_ID)).secret_key
        answer = await api.call("listZones")
        shown = await api.call("getUserKeys", id=ADMIN_USER_ID)

    assert kept is not None
    assert api.keys.secret_key not in kept
    assert answer.status == 200
    assert shown.body["userkeys"]["secretkey"] == api.keys.secret_key


async def test_a_sealed_password_is_open_to_its_own_host_only() -> None:
    cloud = a_cloud()
    cloud.master_key = KEY
    kept = sealed(name_of_power_password("h1"), "calvin", cloud)
    for host_id in ("h1", "h2"):
        row = OutOfBand(id=HostId(host_id), created=cloud.clock.now(), password=kept)
        await cloud.store.out_of_band.add(row)

    own = await places_of_power([HostId("h1")], cloud)

    assert own[HostId("h1")].password == "calvin"
    assert "calvin" not in kept
    with pytest.raises(WrongMasterKey):
        await places_of_power([HostId("h1"), HostId("h2")], cloud)


async def test_the_password_of_a_screen_is_sealed_from_the_first_and_what_older_releases_wrote_is_sealed_later() -> (
    None
):
    cloud = a_cloud()
    cloud.master_key = KEY
    new = replace(a_vm("User", "z"), id=VmId("new"), vnc_secret=fresh_screen_password(VmId("new"), cloud))
    old = replace(a_vm("User", "z"), id=VmId("old"), vnc_password="letmein")
    for vm in (new, old):
        await cloud.store.vms.add(vm)
    before = screen_password(old, cloud)

    sealed_now = [await seal_screen_passwords(cloud) for _ in range(2)]
    kept = await cloud.store.vms.by_id("old")

    assert sealed_now == [1, 0]
    assert (before, screen_password(kept, cloud), kept.vnc_password) == ("letmein", "letmein", "")
    assert "letmein" not in str(kept)
    assert str(screen_password(new, cloud)) not in str(new)


async def test_a_guest_is_run_without_its_screen_rather_than_not_at_all() -> None:
    cloud = a_cloud()
    cloud.master_key = KEY
    vm = replace(a_vm("User", "z"), vnc_secret=fresh_screen_password(VmId("another"), cloud))

    assert screen_password(vm, cloud) is None


async def test_what_the_result_of_a_job_opens_is_told_to_who_asked_and_to_nobody_else() -> None:
    cloud = a_cloud()
    cloud.master_key = KEY
    async with an_api(cloud=cloud) as api:
        zone = await a_zone(api)
        template = replace(an_iso(zone), id=TemplateId("t"), is_iso=False, format="RAW", password_enabled=True)
        await cloud.store.templates.add(template)
        await cloud.store.vms.add(replace(a_vm("User", zone), id=VmId("web"), template_id=template.id))
        auditor = await a_member(api, "auditor", ROOT_DOMAIN_ID, kind=4)

        job = (await api.post("resetPasswordForVirtualMachine", id="web", password="correct horse")).body["jobid"]
        own = await api.call("queryAsyncJobResult", jobid=job)
        others = [
            await auditor.api.call("queryAsyncJobResult", jobid=job),
            await auditor.api.call("listAsyncJobs", listall="true"),
            await api.call("listAsyncJobs", listall="true"),
        ]

    assert own.body["jobresult"]["virtualmachine"]["password"] == "correct horse"
    assert "correct horse" not in str(await cloud.store.jobs.find())
    assert [("correct horse" in told.text, HIDDEN in told.text) for told in others] == [(False, True)] * 3
