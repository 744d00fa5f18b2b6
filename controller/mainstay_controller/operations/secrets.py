"""Secrets that must be read again - API secrets, passwords of power controllers - are sealed before they become rows.

What is sealed says so; what is not (a cloud without a master key, as in tests) is read as it stands.  The name under which a secret is sealed
binds it to its row: one that was copied to another row does not open.  `SEALED` names every field that keeps one, for a change of the key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.master_key import MasterKey

MARK = "sealed:"


def sealed(name: str, secret: str, cloud: Cloud) -> str:
    if cloud.master_key is None or not secret:
        return secret
    return MARK + cloud.master_key.seal(name, secret.encode(), cloud.rng)


def opened(name: str, kept: str, cloud: Cloud) -> str:
    """Raises WrongMasterKey."""
    return opened_with(cloud.master_key, name, kept)


def opened_with(key: MasterKey | None, name: str, kept: str) -> str:
    """Raises WrongMasterKey."""
    if key is None or not kept.startswith(MARK):
        return kept
    return key.unseal(name, kept.removeprefix(MARK)).decode()


def name_of_api_secret(user_id: str) -> str:
    return f"user {user_id} secret key"


def name_of_guest_password(vm_id: str) -> str:
    return f"vm {vm_id} password"


def name_of_host_password(host_id: str) -> str:
    return f"host {host_id} password"


def name_of_power_password(host_id: str) -> str:
    return f"host {host_id} power controller"


def name_of_screen_password(vm_id: str) -> str:
    return f"vm {vm_id} screen"


def name_of_setting(name: str) -> str:
    return f"setting {name}"


@dataclass(frozen=True, slots=True)
class SealedField:
    """A field of a repository's rows that is kept sealed.  `naming`: the field that names its secret."""

    repository: str
    field: str
    naming: str
    name_of: Callable[[str], str]


SEALED = (
    SealedField("users", "secret_key", "id", name_of_api_secret),
    SealedField("hosts", "password", "id", name_of_host_password),
    SealedField("out_of_band", "password", "id", name_of_power_password),
    SealedField("vms", "password", "id", name_of_guest_password),
    SealedField("vms", "vnc_secret", "id", name_of_screen_password),
    SealedField("settings", "value", "name", name_of_setting),
)
