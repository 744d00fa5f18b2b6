"""The password a guest is to take from us: made here, kept sealed, shown once to who asked.

It is for templates that say so (`passwordenabled`), and is in the config drive that the guest starts with.  Only a VM that is Stopped gets another, as
a running guest would not look again."""

from __future__ import annotations

from dataclasses import replace

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
    return replace(vm, password=sealed(name_of_guest_password(vm.id), password, cloud))


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
