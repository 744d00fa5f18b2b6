"""The files of a config drive are those that cloud-init and CloudStack's own scripts look for, and say what the rows say."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

from mainstay_controller.domain.ids import NicId, TemplateId
from mainstay_controller.domain.records import Nic, Vm
from mainstay_controller.fleet.config_drive import Seed, config_drive
from tests.kit.small_cloud import ANN, DOMAIN, OFFERING, ZONE
from tests.kit.virtual_time import BEGINNING

SEED = Seed(zone_name="Zürich", offering_name="small", name_servers=("10.0.0.2",), password="s3cret")
NIC = Nic(id=NicId("n"), mac="02:00:00:00:00:01", ip="10.1.0.10", netmask="255.255.255.0", gateway="10.1.0.1")


def a_vm(**other: Any) -> Vm:
    ordinary = Vm(
        id="vm-1",  # type: ignore[arg-type]
        name="web",
        created=BEGINNING,
        account_id=ANN.account_id,
        domain_id=DOMAIN,
        zone_id=ZONE,
        service_offering_id=OFFERING,
        template_id=TemplateId("t"),
        nics=(NIC,),
        user_data=b64encode(b"#cloud-config\n").decode(),
        key_pair="laptop",
        public_key="ssh-ed25519 AAAA ann",
    )
    return replace(ordinary, **other)


def files(vm: Vm, seed: Seed = SEED) -> dict[str, bytes]:
    drive = config_drive(vm, seed)
    return {name: b64decode(file.content) for file in drive.files for name in file.names}


def test_cloud_init_finds_it_by_its_label() -> None:
    assert config_drive(a_vm(), SEED).label == "config-2"


def test_what_cloud_init_reads() -> None:
    told = files(a_vm())

    about = json.loads(told["openstack/latest/meta_data.json"])
    assert (about["uuid"], about["hostname"], about["availability_zone"]) == ("vm-1", "web", "Zürich")
    assert about["public_keys"] == {"key0": "ssh-ed25519 AAAA ann"}
    assert told["openstack/latest/user_data"] == b"#cloud-config\n"
    assert json.loads(told["openstack/latest/vendor_data.json"]) == {}


def test_several_keys_are_told_each_by_itself() -> None:
    told = files(a_vm(key_pair="laptop,desk", public_key="ssh-ed25519 AAAA\nssh-ed25519 BBBB"))

    about = json.loads(told["openstack/latest/meta_data.json"])
    assert about["public_keys"] == {"key0": "ssh-ed25519 AAAA", "key1": "ssh-ed25519 BBBB"}
    assert [key["data"] for key in about["keys"]] == ["ssh-ed25519 AAAA", "ssh-ed25519 BBBB"]


def test_its_addresses_need_no_router_to_be_known() -> None:
    network = json.loads(files(a_vm())["openstack/latest/network_data.json"])

    assert [link["ethernet_mac_address"] for link in network["links"]] == ["02:00:00:00:00:01"]
    assert (network["networks"][0]["ip_address"], network["networks"][0]["netmask"]) == ("10.1.0.10", "255.255.255.0")
    assert network["networks"][0]["routes"][0]["gateway"] == "10.1.0.1"
    assert network["services"] == [{"type": "dns", "address": "10.0.0.2"}]


def test_what_the_scripts_of_cloudstacks_templates_read() -> None:
    told = files(a_vm())

    assert told["cloudstack/userdata/user_data.txt"] == told["openstack/latest/user_data"]
    assert told["cloudstack/password/vm_password.txt"] == b"s3cret"
    assert told["cloudstack/metadata/instance-id.txt"] == told["cloudstack/metadata/vm-id.txt"] == b"vm-1"
    assert told["cloudstack/metadata/local-hostname.txt"] == b"web"
    assert told["cloudstack/metadata/service-offering.txt"] == b"small"
    assert told["cloudstack/metadata/public-keys.txt"] == b"ssh-ed25519 AAAA ann"


def test_what_there_is_not_has_no_file() -> None:
    told = files(a_vm(user_data="", key_pair="", public_key=None, nics=()), replace(SEED, password=None))

    assert not {"openstack/latest/user_data", "cloudstack/password/vm_password.txt"} & told.keys()
    assert "public_keys" not in json.loads(told["openstack/latest/meta_data.json"])


def test_neither_password_nor_content_is_in_what_a_log_would_show() -> None:
    shown = f"{SEED} {config_drive(a_vm(), SEED)}"

    assert "s3cret" not in shown
    assert b64encode(b"s3cret").decode() not in shown
