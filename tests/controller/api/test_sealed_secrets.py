"""What the database keeps of secrets opens nothing without the cloud's master key."""

from __future__ import annotations

import pytest

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.records import OutOfBand
from mainstay_controller.operations.beginning.first_admin import ADMIN_USER_ID
from mainstay_controller.operations.hosts.out_of_band import place_of_power
from mainstay_controller.operations.master_key import MasterKey, WrongMasterKey
from mainstay_controller.operations.secrets import name_of_power_password, sealed
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

    own = await place_of_power(HostId("h1"), cloud)

    assert own is not None
    assert own.password == "calvin"
    assert "calvin" not in kept
    with pytest.raises(WrongMasterKey):
        await place_of_power(HostId("h2"), cloud)
