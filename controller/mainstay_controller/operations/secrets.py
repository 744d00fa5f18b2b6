"""Secrets that must be read again - API secrets, passwords of power controllers - are sealed before they become rows.

What is sealed says so; what is not (a cloud without a master key, as in tests) is read as it stands.  The name under which a secret is sealed
binds it to its row: one that was copied to another row does not open."""

from __future__ import annotations

from mainstay_controller.operations.cloud import Cloud

MARK = "sealed:"


def sealed(name: str, secret: str, cloud: Cloud) -> str:
    if cloud.master_key is None or not secret:
        return secret
    return MARK + cloud.master_key.seal(name, secret.encode(), cloud.rng)


def opened(name: str, kept: str, cloud: Cloud) -> str:
    """Raises WrongMasterKey."""
    if cloud.master_key is None or not kept.startswith(MARK):
        return kept
    return cloud.master_key.unseal(name, kept.removeprefix(MARK)).decode()


def name_of_api_secret(user_id: str) -> str:
    return f"user {user_id} secret key"


def name_of_guest_password(vm_id: str) -> str:
    return f"vm {vm_id} password"


def name_of_power_password(host_id: str) -> str:
    return f"host {host_id} power controller"
