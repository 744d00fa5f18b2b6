"""What a user tells a guest - data, a key, a password - comes with every order to run it, on whichever host, and is taken back when it is old."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace

import pytest

from mainstay_controller.domain.ids import KeyPairId
from mainstay_controller.domain.placement.request import Purpose
from mainstay_controller.domain.records import KeyPair
from mainstay_controller.domain.states import JobState, VmState
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.orders.choose_host import abilities_for, look_at_zone
from mainstay_controller.operations.vms import deploy_vm, guest_passwords, migrate_vm
from mainstay_proto.messages import GuestSpec, PrepareIncoming, StartGuest
from tests.kit.small_cloud import ANN, DOMAIN, TEMPLATE, Here, a_cloud
from tests.kit.told_hosts import Say, ToldHost, refused
from tests.kit.virtual_time import BEGINNING
from tests.kit.wishes import a_new_vm, a_running_vm, deploy, start, stop

DATA = b64encode(b"#!/bin/sh\necho hello\n").decode()
PASSWORD = "cloudstack/password/vm_password.txt"
USER_DATA = "openstack/latest/user_data"
PAIR = KeyPair(
    id=KeyPairId("k"),
    name="laptop",
    account_id=ANN.account_id,
    domain_id=DOMAIN,
    created=BEGINNING,
    public_key="ssh-ed25519 AAAA",
    fingerprint="",
)


def told(host: ToldHost) -> list[GuestSpec]:
    return [order.spec for order in host.orders if isinstance(order, StartGuest | PrepareIncoming)]


def files(spec: GuestSpec) -> dict[str, bytes]:
    assert spec.drive is not None
    return {name: b64decode(file.content) for file in spec.drive.files for name in file.names}


async def with_passwords(here: Here) -> None:
    template = await here.cloud.store.templates.by_id(TEMPLATE)
    await here.cloud.store.templates.swap(template, replace(template, password_enabled=True))


async def without_the_ability(here: Here, *numbers: int) -> None:
    for number in numbers:
        host = await here.cloud.store.hosts.by_id(here.host(number).host_id)
        await here.cloud.store.hosts.swap(host, replace(host, capabilities=("migrate",)))


async def test_a_guest_is_told_its_user_data_and_key_as_it_starts() -> None:
    async with a_cloud() as here:
        await a_running_vm(here, user_data=DATA, key_pairs=(PAIR,))

        [spec] = told(here.host(1))

        assert files(spec)[USER_DATA] == b"#!/bin/sh\necho hello\n"
        assert files(spec)["cloudstack/metadata/public-keys.txt"] == b"ssh-ed25519 AAAA"
        assert files(spec)["cloudstack/metadata/availability-zone.txt"] == b"z"


async def test_a_guest_to_whom_nobody_says_anything_has_no_drive() -> None:
    async with a_cloud() as here:
        await a_running_vm(here)

        assert [spec.drive for spec in told(here.host(1))] == [None]


async def test_the_host_that_takes_it_after_another_refused_is_told_the_same() -> None:
    async with a_cloud() as here:
        here.host(1).twist("start", Say(refused("no-lease")))
        await a_running_vm(here, user_data=DATA)

        [first], [second] = told(here.host(1)), told(here.host(2))

        assert files(first) == files(second)


async def test_the_target_of_a_migration_is_told_what_the_source_was() -> None:
    async with a_cloud() as here:
        await with_passwords(here)
        vm = await a_running_vm(here, user_data=DATA, key_pairs=(PAIR,))

        await here.run(await migrate_vm.begin(vm.id, ANN, here.cloud))

        [source], [target] = told(here.host(1)), told(here.host(2))
        assert files(source) == files(target)


async def test_line_breaks_of_an_encoder_are_not_part_of_the_data() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here, user_data=f"{DATA[:8]}\r\n{DATA[8:]}\n")

        assert vm.user_data == DATA


@pytest.mark.parametrize("data", ["#cloud-config", "aGVsbG8", "aGV bG8=", "aGVsbG8=\u00e9"])
async def test_data_that_is_not_in_base64_is_refused_by_its_field_and_nothing_is_written(data: str) -> None:
    async with a_cloud() as here:
        with pytest.raises(InvalidParameter, match=r"userdata.*Base64"):
            await deploy_vm.begin(a_new_vm(user_data=data), ANN, here.cloud)

        assert await here.cloud.store.vms.find() == []


# --- passwords --------------------------------------------------------------------------------------------------------


async def test_a_password_comes_with_every_start_until_its_owner_stops_the_guest() -> None:
    async with a_cloud() as here:
        await with_passwords(here)
        vm = await a_running_vm(here)
        password = guest_passwords.password_of(vm, here.cloud)

        await here.run(await stop(here, vm))
        await here.run(await start(here, await here.vm(vm.id)))

        first, second = told(here.host(1))
        assert files(first)[PASSWORD].decode() == password
        assert second.drive is None


async def test_a_start_that_failed_has_not_used_the_password_up() -> None:
    async with a_cloud() as here:
        await with_passwords(here)
        job = await here.run(await deploy(here, start=False))
        here.host(1).twist("start", Say(refused("no-lease")))

        await here.run(await start(here, await here.vm(job.instance_id)))

        [first], [second] = told(here.host(1)), told(here.host(2))
        assert files(first)[PASSWORD] == files(second)[PASSWORD]


async def test_a_password_that_was_reset_is_told_with_the_next_start() -> None:
    async with a_cloud() as here:
        await with_passwords(here)
        vm = await a_running_vm(here)
        await here.run(await stop(here, vm))

        await guest_passwords.reset_password(await here.vm(vm.id), "correct horse", here.cloud)
        await here.run(await start(here, await here.vm(vm.id)))

        assert files(told(here.host(1))[-1])[PASSWORD] == b"correct horse"


# --- hosts that cannot ------------------------------------------------------------------------------------------------


async def test_a_new_guest_is_started_only_where_it_can_be_told() -> None:
    async with a_cloud() as here:
        await without_the_ability(here, 1)

        await a_running_vm(here, user_data=DATA)

        assert (told(here.host(1)), len(told(here.host(2)))) == ([], 1)


async def test_where_no_host_can_tell_it_each_is_named_with_what_it_lacks() -> None:
    async with a_cloud() as here:
        await without_the_ability(here, 1, 2)

        job = await here.run(await deploy(here, user_data=DATA))

        assert job.state is JobState.FAILED
        assert "lacks-ability: need config-drive" in str(job.result["errortext"])


async def test_a_guest_that_has_run_before_runs_rather_without_than_not_at_all() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here, user_data=DATA)
        await here.run(await stop(here, vm))
        await without_the_ability(here, 1, 2)

        await here.run(await start(here, await here.vm(vm.id)))

        assert (await here.vm(vm.id)).state is VmState.RUNNING
        told_last = max(await here.cloud.store.events.find(), key=lambda event: event.created)
        assert (told_last.level, "without its config drive" in told_last.description) == ("WARN", True)


@pytest.mark.parametrize(
    ("purpose", "source_can", "needed"),
    [
        (Purpose.DEPLOY, True, True),
        (Purpose.START, True, False),
        (Purpose.HA, True, False),
        (Purpose.MIGRATE, True, True),
        (Purpose.MIGRATE, False, False),
    ],
)
async def test_where_the_ability_is_asked_for(purpose: Purpose, source_can: bool, needed: bool) -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here, user_data=DATA)
        if not source_can:
            await without_the_ability(here, 1)

        asked = abilities_for(vm, purpose, await look_at_zone(vm.zone_id, here.cloud))

        assert asked == (frozenset({"config-drive"}) if needed else frozenset())
