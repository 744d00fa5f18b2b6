"""A parameter that would make something else is refused with a reason; one that asks for nothing, or changes nothing, is let pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mainstay_controller.api.commands import ALL
from mainstay_controller.api.not_served import NOT_SERVED
from mainstay_controller.domain.ids import VmId
from tests.controller.api.test_deployments import the_ground
from tests.kit.api import an_api


@pytest.mark.parametrize("name", NOT_SERVED)
def test_what_is_not_served_is_a_commands_and_is_in_no_list(name: str) -> None:
    command = ALL.find(name)

    assert command is not None
    assert {parameter.name for parameter in command.parameters} & NOT_SERVED[name].keys() == set()


async def test_what_would_be_something_else_is_refused_and_nothing_is_made() -> None:
    async with an_api() as api:
        ground = await the_ground(api)
        refused = [
            await api.post("deployVirtualMachine", **ground, securityGroupIds="some"),
            await api.post("deployVirtualMachine", **ground, **{"datadiskofferinglist[0].diskofferingid": "x"}),
        ]
        rows = await api.cloud.store.vms.count()
        passed = await api.post("deployVirtualMachine", **ground, bootintosetup="false", volumeid="", keyboard="us")
        moved = await api.post("migrateVirtualMachine", virtualmachineid=passed.body["id"], storageid="elsewhere")
        unknown = await api.post("updateStoragePool", id="p", enabled="false")

    assert [answer.status for answer in (*refused, moved, unknown)] == [431] * 4
    assert "Invalid parameter securitygroupids: VMs are in no security groups here" in refused[0].body["errortext"]
    assert "migrateVolume" in moved.body["errortext"]
    assert (rows, passed.status) == (0, 200)


async def test_details_are_taken_away_all_together() -> None:
    async with an_api() as api:
        ground = await the_ground(api)
        vm = (await api.post("deployVirtualMachine", **ground, **{"details[0].colour": "red"})).body["id"]
        row = await api.cloud.store.vms.by_id(VmId(vm))
        await api.cloud.store.vms.swap(row, replace(row, details={**row.details, "cpuOvercommitRatio": "2"}))

        changed = await api.post("updateVirtualMachine", id=vm, cleanupdetails="true")

    assert changed.body["virtualmachine"]["details"] == {"cpuOvercommitRatio": "2"}
