"""User data has a name if one likes, is shown to who asks for it, and a password is shown to who has the private key."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from email import message_from_bytes

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mainstay_controller.domain.ids import VmId
from mainstay_controller.fleet.config_drive import Seed, config_drive
from mainstay_controller.operations.vms.guest_passwords import password_of
from mainstay_controller.operations.vms.user_data import put_together
from tests.controller.api.test_deployments import the_ground
from tests.controller.api.test_people import a_domain, a_member
from tests.kit.api import ApiClient, an_api

HELLO = b64encode(b"#cloud-config\n").decode()
SEED = Seed(zone_name="z", offering_name="o")
OTHER = b64encode(b"#!/bin/sh\n").decode()


async def registered(api: ApiClient, name: str = "hello", content: str = HELLO) -> str:
    made = await api.post("registerUserData", name=name, userdata=content)
    return str(made.body["userdata"]["id"])


async def test_a_name_stands_for_its_content_and_a_vm_keeps_what_it_was_given() -> None:
    async with an_api() as api:
        ground, named = await the_ground(api), await registered(api)
        vm = (await api.post("deployVirtualMachine", **ground, userdata=OTHER)).body["id"]

        changed = await api.post("updateVirtualMachine", id=vm, userdataid=named)
        kept = await api.post("deleteUserData", id=named)
        [shown] = (await api.call("listVirtualMachines", userdata="true")).body["virtualmachine"]
        [plain] = (await api.call("listVirtualMachines", userdataid=named)).body["virtualmachine"]
        await api.post("updateVirtualMachine", id=vm, userdata=OTHER)
        gone = await api.post("deleteUserData", id=named)

    assert changed.body["virtualmachine"]["userdataname"] == "hello"
    assert (shown["userdata"], "userdata" in plain) == (HELLO, False)
    assert (kept.status, gone.body["success"]) == (536, True)


async def test_a_name_is_an_accounts_own_and_given_once() -> None:
    async with an_api() as api:
        ann = await a_member(api, "ann", await a_domain(api, "sales"))
        await registered(api)
        again = await api.post("registerUserData", name="hello", userdata=HELLO)
        bad = await api.post("registerUserData", name="bad", userdata="#!")
        hers = await ann.api.post("registerUserData", name="hello", userdata=OTHER, params="colour,size")
        seen = await ann.api.call("listUserData")

    assert (again.status, bad.status, "userdata" in bad.body["errortext"]) == (431, 431, True)
    assert [(each["name"], each["params"]) for each in seen.body["userdata"]] == [("hello", "colour,size")]
    assert hers.body["userdata"]["account"] == "ann"


async def test_words_and_a_name_together_are_refused() -> None:
    async with an_api() as api:
        ground, named = await the_ground(api), await registered(api)
        both = await api.post("deployVirtualMachine", **ground, userdata=OTHER, userdataid=named)
        one = await api.post("deployVirtualMachine", **ground, userdataid=named)
        told = await api.call("getVirtualMachineUserData", virtualmachineid=one.body["id"])

    assert (both.status, "not both" in both.body["errortext"]) == (431, True)
    assert told.body["virtualmachineuserdata"]["userdata"] == HELLO


async def test_a_password_is_told_to_who_has_the_private_key() -> None:
    key = generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    async with an_api() as api:
        ground = await the_ground(api)
        await api.post("updateTemplate", id="tiny", passwordenabled="true")
        await api.post("registerSSHKeyPair", name="laptop", publickey=public)
        with_key = await api.post("deployVirtualMachine", **ground, keypair="laptop")
        without = await api.post("deployVirtualMachine", **ground)
        told = await api.call("getVMPassword", id=with_key.body["id"])
        none = await api.call("getVMPassword", id=without.body["id"])
        row = await api.cloud.store.vms.by_id(with_key.body["id"])

    read = key.decrypt(b64decode(told.body["password"]["encryptedpassword"]), PKCS1v15()).decode()
    assert read == password_of(row, api.cloud)
    assert (none.status, "No password" in none.body["errortext"]) == (431, True)


async def told(api: ApiClient, vm: str) -> bytes:
    shown = await api.call("getVirtualMachineUserData", virtualmachineid=vm)
    return b64decode(shown.body["virtualmachineuserdata"].get("userdata", ""))


async def test_user_data_of_a_template_is_that_of_its_vms_as_far_as_its_policy_says() -> None:
    async with an_api() as api:
        ground, named = await the_ground(api), await registered(api)
        said: dict[str, list[bytes | int]] = {}
        for policy in ("ALLOWOVERRIDE", "APPEND", "DENYOVERRIDE"):
            linked = await api.post(
                "linkUserDataToTemplate", templateid="tiny", userdataid=named, userdatapolicy=policy.lower()
            )
            assert linked.body["template"]["userdatapolicy"] == policy
            silent = await api.post("deployVirtualMachine", **ground)
            own = await api.post("deployVirtualMachine", **ground, userdata=OTHER)
            said[policy] = [
                await told(api, silent.body["id"]),
                await told(api, own.body["id"]) if own.status == 200 else own.status,
            ]
        kept = await api.post("deleteUserData", id=named)
        [vm, *_] = (await api.call("listVirtualMachines", userdataid=named)).body["virtualmachine"]
        unlinked = await api.post("linkUserDataToTemplate", templateid="tiny")
        after = await told(api, (await api.post("deployVirtualMachine", **ground)).body["id"])

    archive = said["APPEND"].pop()
    assert isinstance(archive, bytes)
    parts = [part for part in message_from_bytes(archive).walk() if not part.is_multipart()]
    hello, other = b64decode(HELLO), b64decode(OTHER)
    assert said == {"ALLOWOVERRIDE": [hello, other], "APPEND": [hello], "DENYOVERRIDE": [hello, 431]}
    assert [(part.get_content_type(), part.get_payload(decode=True)) for part in parts] == [
        ("text/cloud-config", hello),
        ("text/x-shellscript", other),
    ]
    assert (kept.status, vm["userdatapolicy"], vm["userdataname"]) == (536, "DENYOVERRIDE", "hello")
    assert "userdataid" not in unlinked.body["template"]
    assert after == b""


async def test_an_archive_is_put_into_an_archive_part_by_part() -> None:
    once = put_together([HELLO, OTHER])
    twice = message_from_bytes(b64decode(put_together([once, HELLO])))

    assert [part.get_content_subtype() for part in twice.get_payload()] == [  # type: ignore[union-attr]
        "cloud-config",
        "x-shellscript",
        "cloud-config",
    ]


async def test_only_who_owns_a_template_gives_it_user_data() -> None:
    async with an_api() as api:
        await the_ground(api)
        await api.post("updateTemplatePermissions", id="tiny", ispublic="true")
        ann = await a_member(api, "ann", await a_domain(api, "sales"))
        mine, hers = await registered(api), await registered(ann.api)

        refused = [
            await ann.api.post("linkUserDataToTemplate", templateid="tiny", userdataid=hers),
            await ann.api.post("linkUserDataToTemplate", templateid="tiny", userdataid=mine),
            await api.post("linkUserDataToTemplate", userdataid=mine),
        ]

    assert [answer.status for answer in refused] == [531, 531, 431]


async def test_values_of_its_variables_reach_the_guest_and_no_others_are_taken() -> None:
    async with an_api() as api:
        ground = await the_ground(api)
        made = await api.post("registerUserData", name="v", userdata=HELLO, params="colour,size")
        named = {"userdataid": made.body["userdata"]["id"]}
        colour = {"userdatadetails[0].colour": "red"}
        vm = (await api.post("deployVirtualMachine", **ground, **named, **colour)).body["id"]
        bad = [
            await api.post("deployVirtualMachine", **ground, **named, **{"userdatadetails[0].shape": "round"}),
            await api.post("deployVirtualMachine", **ground, **{"userdatadetails[0].colour": "red"}),
            await api.post("deployVirtualMachine", **ground, userdata=HELLO, **{"userdatadetails[0].-x": "red"}),
        ]
        row = await api.cloud.store.vms.by_id(VmId(vm))
        changed = await api.post("updateVirtualMachine", id=vm, **{"userdatadetails[0].size": "9"})
        other = await api.post("updateVirtualMachine", id=vm, userdata=OTHER)

    files = {name: b64decode(file.content) for file in config_drive(row, SEED).files for name in file.names}
    assert [(answer.status, "userdatadetails" in answer.body["errortext"]) for answer in bad] == [(431, True)] * 3
    assert files["cloudstack/metadata/colour.txt"] == b"red"
    assert json.loads(files["openstack/latest/meta_data.json"])["colour"] == "red"
    assert changed.body["virtualmachine"]["userdatadetails"] == "{size=9}"
    assert "userdatadetails" not in other.body["virtualmachine"]
