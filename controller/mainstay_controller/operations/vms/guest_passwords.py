"""The password a guest is to take from us: made here, kept sealed, shown once to who asked.

It is for templates that say so (`passwordenabled`), and is in the config drive that the guest starts with.  Only a VM that is Stopped gets another, as
a running guest would not look again."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from mainstay_controller.domain.records import Template, Vm
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.secrets import name_of_guest_password, opened, sealed
from mainstay_controller.operations.storage.volumes import check_stopped

LENGTH_BYTES = 9
LENGTH_MIN, LENGTH_MAX = 6, 64


def with_password(vm: Vm, template: Template, cloud: Cloud, wanted: str = "") -> Vm:
    """Of its own choice, if its template takes one."""
    if not template.password_enabled:
        return vm
    password = wanted or cloud.rng.token(LENGTH_BYTES).hex()
    return replace(
        vm,
        password=sealed(name_of_guest_password(vm.id), password, cloud),
        encrypted_password=encrypted_for(vm.public_key, password),
    )


def encrypted_for(public_keys: str | None, password: str) -> str | None:
    """As CloudStack does it: RSA with PKCS #1 padding, in Base64.  None: none of its keys is of RSA."""
    for line in (public_keys or "").splitlines():
        key = _rsa_key(line)
        if key is not None:
            return b64encode(key.encrypt(password.encode(), PKCS1v15())).decode()
    return None


def _rsa_key(line: str) -> RSAPublicKey | None:
    """What is registered looks like a key and need not be one."""
    try:
        key = load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None


def encrypted_password_of(vm: Vm) -> str:
    if vm.encrypted_password is None:
        raise InvalidParameter(
            "id", f"No password for VM with id {vm.id} found: it takes none from us, or has no RSA key"
        )
    return vm.encrypted_password


def password_of(vm: Vm, cloud: Cloud) -> str | None:
    return None if vm.password is None else opened(name_of_guest_password(vm.id), vm.password, cloud)


async def with_fresh_password(vm: Vm, cloud: Cloud) -> Vm:
    """If its template takes one, else as it is."""
    template = await _template_of(vm, cloud)
    return vm if template is None else await cloud.store.vms.swap(vm, with_password(vm, template, cloud))


async def reset_password(vm: Vm, wanted: str, cloud: Cloud) -> Vm:
    check_stopped(vm)
    template = await _template_of(vm, cloud)
    if template is None or not template.password_enabled:
        raise InvalidParameter("id", f"the template of VM {vm.name} takes no password from us")
    if wanted and not (LENGTH_MIN <= len(wanted) <= LENGTH_MAX and wanted.isprintable()):
        raise InvalidParameter("password", f"it must have {LENGTH_MIN} to {LENGTH_MAX} characters that can be printed")
    return await cloud.store.vms.swap(vm, with_password(vm, template, cloud, wanted))


async def _template_of(vm: Vm, cloud: Cloud) -> Template | None:
    return await cloud.store.templates.get(vm.template_id) if vm.template_id else None
