"""What a guest reads about itself as it boots: the files of CloudStack's config drive, which cloud-init takes for OpenStack's.  Pure.

The same facts lie there twice, as on CloudStack's: below `openstack/latest` for cloud-init and its kin, below `cloudstack` for the scripts of
CloudStack's templates, which alone look for the password."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field

from mainstay_controller.domain.records import Nic, Vm
from mainstay_proto.messages import ConfigDrive, DriveFile

LABEL = "config-2"  # what cloud-init looks for
ABILITY = "config-drive"  # of hosts whose agents can make one
LINK_MTU = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """What a guest is told that its host has no need of; its keys and user data are in its row."""

    zone_name: str
    offering_name: str
    name_servers: tuple[str, ...] = ()
    password: str | None = field(default=None, repr=False)


def config_drive(vm: Vm, seed: Seed) -> ConfigDrive:
    return ConfigDrive(label=LABEL, files=tuple(_files(vm, seed)))


def _files(vm: Vm, seed: Seed) -> Iterator[DriveFile]:
    yield _json("openstack/latest/meta_data.json", _open_stack_metadata(vm, seed))
    yield _json("openstack/latest/network_data.json", _network(vm, seed))
    yield _json("openstack/latest/vendor_data.json", {})
    if vm.user_data:
        names = ("openstack/latest/user_data", "cloudstack/userdata/user_data.txt")
        yield DriveFile(names=names, content=vm.user_data)
    for name, fact in _metadata(vm, seed).items():
        if fact:
            yield _text(f"cloudstack/metadata/{name}.txt", fact)
    if seed.password is not None:
        yield _text("cloudstack/password/vm_password.txt", seed.password)


def _open_stack_metadata(vm: Vm, seed: Seed) -> dict[str, object]:
    facts: dict[str, object] = {
        **(vm.user_data_details or {}),
        "availability_zone": seed.zone_name,
        "hostname": vm.name,
        "name": vm.name,
        "uuid": vm.id,
    }
    if vm.public_key:
        keys = {f"key{number}": key for number, key in enumerate(vm.public_key.splitlines())}
        facts["public_keys"] = keys
        facts["keys"] = [{"type": "ssh", "name": name, "data": key} for name, key in keys.items()]
    return facts


def _metadata(vm: Vm, seed: Seed) -> dict[str, str]:
    ip = vm.nics[0].ip if vm.nics else ""
    return {
        **(vm.user_data_details or {}),
        "service-offering": seed.offering_name,
        "availability-zone": seed.zone_name,
        "local-hostname": vm.name,
        "public-hostname": vm.name,
        "local-ipv4": ip,
        "public-ipv4": ip,
        "instance-id": vm.id,
        "vm-id": vm.id,
        "public-keys": vm.public_key or "",
    }


def _network(vm: Vm, seed: Seed) -> dict[str, object]:
    """Its addresses, where they are known whole: there is no router yet that would tell them."""
    return {
        "links": [_link(nic) for nic in vm.nics],
        "networks": [_address(nic) for nic in vm.nics if nic.ip and nic.netmask],
        "services": [{"type": "dns", "address": address} for address in seed.name_servers],
    }


def _link(nic: Nic) -> dict[str, object]:
    return {"id": f"eth{nic.device_id}", "type": "phy", "ethernet_mac_address": nic.mac, "mtu": LINK_MTU}


def _address(nic: Nic) -> dict[str, object]:
    device = f"eth{nic.device_id}"
    routes = [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": nic.gateway}]
    return {
        "id": device,
        "link": device,
        "type": "ipv4",
        "ip_address": nic.ip,
        "netmask": nic.netmask,
        "network_id": nic.network_id,
        "routes": routes if nic.is_default and nic.gateway else [],
    }


def _json(name: str, facts: dict[str, object]) -> DriveFile:
    return _text(name, json.dumps(facts, sort_keys=True))


def _text(name: str, text: str) -> DriveFile:
    return DriveFile(names=(name,), content=b64encode(text.encode()).decode())
