"""User data has a name if one likes, is shown to who asks for it, and a password is shown to who has the private key."""

from __future__ import annotations

from base64 import b64decode, b64encode

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mainstay_controller.operations.vms.guest_passwords import password_of
from tests.controller.api.test_deployments import the_ground
from tests.controller.api.test_people import a_domain, a_member
from tests.kit.api import ApiClient, an_api

HELLO = b64encode(b"#cloud-config\n").decode()
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
