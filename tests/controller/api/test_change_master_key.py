"""The master key is changed by sealing everything anew, which may be broken off anywhere and run again."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mainstay_controller.domain.ids import HostId, OfferingId, VmId, ZoneId
from mainstay_controller.domain.records import OutOfBand, Secret, Vm
from mainstay_controller.operations import secrets
from mainstay_controller.operations.beginning.first_admin import (
    ADMIN_ACCOUNT_ID,
    ADMIN_USER_ID,
    ROOT_DOMAIN_ID,
    create_first_admin,
)
from mainstay_controller.operations.change_master_key import Resealed, change_master_key
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.hosts.out_of_band import places_of_power
from mainstay_controller.operations.journal import About
from mainstay_controller.operations.master_key import MasterKey, WrongMasterKey
from mainstay_controller.operations.orders.screen_passwords import fresh_screen_password
from mainstay_controller.operations.secrets import (
    name_of_api_secret,
    name_of_power_password,
    name_of_screen_password,
    opened,
    sealed,
)
from mainstay_controller.operations.tune import refresh, tune
from tests.kit.api import a_cloud
from tests.kit.memory_store import MemoryStore, Rows

OLD = MasterKey.from_text("the old secret of more than thirty-two characters")
NEW = MasterKey.from_text("the new secret of more than thirty-two characters")
BOTH = replace(NEW, previous=OLD.key)
SECRETS = 7


class PulledPlug(Exception):
    """The process is gone in the middle of its work."""


async def a_cloud_full_of_secrets(rows: Rows) -> Cloud:
    cloud = a_cloud(MemoryStore(a_cloud().clock, rows))
    cloud.master_key = OLD
    await create_first_admin(cloud)
    await tune("alert.smtp.password", "letter", cloud, About())
    for name in ("h1", "h2", "h3"):
        password = sealed(name_of_power_password(name), f"calvin-{name}", cloud)
        row = OutOfBand(id=HostId(name), created=cloud.clock.now(), password=password)
        await cloud.store.out_of_band.add(row)
    await cloud.store.vms.add(a_vm_with_a_screen(cloud))
    authority = OLD.seal("authority", b"the key of the authority", cloud.rng)
    await cloud.store.secrets.add(Secret(id="authority", sealed=authority, created=cloud.clock.now()))
    return cloud


def a_vm_with_a_screen(cloud: Cloud) -> Vm:
    return Vm(
        id=VmId("web"),
        name="web",
        created=cloud.clock.now(),
        account_id=ADMIN_ACCOUNT_ID,
        domain_id=ROOT_DOMAIN_ID,
        zone_id=ZoneId("z"),
        service_offering_id=OfferingId("o"),
        vnc_secret=fresh_screen_password(VmId("web"), cloud),
    )


async def all_of_it(cloud: Cloud, key: MasterKey) -> list[str]:
    """Every secret, opened with that key."""
    cloud.master_key = key
    await refresh(cloud)
    user = await cloud.store.users.by_id(ADMIN_USER_ID)
    found = [opened(name_of_api_secret(user.id), user.secret_key or "", cloud), cloud.settings.smtp_password]
    names = [HostId("h1"), HostId("h2"), HostId("h3")]
    places = await places_of_power(names, cloud)
    found += [places[name].password for name in names]
    vm = await cloud.store.vms.by_id("web")
    found.append(opened(name_of_screen_password(vm.id), vm.vnc_secret or "", cloud))
    return [*found, key.unseal("authority", (await cloud.store.secrets.by_id("authority")).sealed).decode()]


def plug_pulled_after(calls: int) -> Callable[[str], Awaitable[None]]:
    """The store answers so many calls."""
    left = iter(range(calls))

    async def before(_call: str) -> None:
        if next(left, None) is None:
            raise PulledPlug

    return before


async def test_afterwards_the_new_key_opens_everything_and_the_old_one_nothing() -> None:
    cloud = await a_cloud_full_of_secrets(Rows())
    before = await all_of_it(cloud, OLD)

    done = await change_master_key(cloud.store, BOTH, cloud.rng)

    assert done == Resealed(found=SECRETS, changed=SECRETS)
    assert await all_of_it(cloud, NEW) == before
    with pytest.raises(WrongMasterKey):
        await all_of_it(cloud, OLD)


async def test_run_again_it_leaves_everything_alone() -> None:
    cloud = await a_cloud_full_of_secrets(Rows())
    await change_master_key(cloud.store, BOTH, cloud.rng)

    again = await change_master_key(cloud.store, BOTH, cloud.rng)

    assert again == Resealed(found=SECRETS, changed=0)


async def test_broken_off_anywhere_both_keys_open_everything_and_a_second_run_ends_it() -> None:
    rows = Rows()
    cloud = await a_cloud_full_of_secrets(rows)
    before = await all_of_it(cloud, OLD)

    runs = 0
    while True:
        runs += 1
        try:
            await change_master_key(MemoryStore(cloud.clock, rows, plug_pulled_after(runs)), BOTH, cloud.rng)
            break
        except PulledPlug:
            assert await all_of_it(cloud, BOTH) == before

    assert runs > SECRETS
    assert await all_of_it(cloud, NEW) == before


async def test_with_neither_key_it_says_so_and_changes_nothing() -> None:
    cloud = await a_cloud_full_of_secrets(Rows())
    before = await all_of_it(cloud, OLD)

    with pytest.raises(WrongMasterKey):
        await change_master_key(cloud.store, NEW, cloud.rng)

    assert await all_of_it(cloud, OLD) == before


def test_every_field_that_is_sealed_is_changed() -> None:
    """Whoever seals a further field names it there."""
    sources = Path(secrets.__file__).parent.rglob("*.py")
    names = set(re.findall(r"def (name_of_\w+)", Path(secrets.__file__).read_text()))
    used = {name for file in sources for name in re.findall(r"\bsealed\(\s*(name_of_\w+)", file.read_text())}

    assert used == names == {each.name_of.__name__ for each in secrets.SEALED}
