"""Change what a user says of a VM.  What its host was told at its start - name, user data - changes with the next start only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mainstay_controller.domain.capacity.usage import CPU_RATIO_DETAIL, MEMORY_RATIO_DETAIL
from mainstay_controller.domain.ids import UserDataId, VmId
from mainstay_controller.domain.records import KeyPair, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.checks import a_host_label, a_name, in_base64
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.operations.vms.key_pairs import GivenKeys, given
from mainstay_controller.operations.vms.vm_jobs import living_vm

OURS = (CPU_RATIO_DETAIL, MEMORY_RATIO_DETAIL)
"""Details that are not the user's: they say under which ratios the guest was started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VmChanges:
    """None, or no key pair: as it is.  `user_data_id`: under which name that user data is kept.  Details replace all of the user's details."""

    name: str | None = None
    display_name: str | None = None
    group: str | None = None
    ha_enabled: bool | None = None
    user_data: str | None = None
    user_data_id: UserDataId | None = None
    user_data_details: Mapping[str, str] = field(default_factory=dict)
    delete_protection: bool | None = None
    key_pairs: tuple[KeyPair, ...] = ()
    details: Mapping[str, str] | None = None


async def update_vm(vm_id: VmId, changes: VmChanges, cloud: Cloud) -> Vm:
    vm = await living_vm(vm_id, cloud.store)
    kept = GivenKeys(key_pair=vm.key_pair, public_key=vm.public_key)
    keys = given(changes.key_pairs) if changes.key_pairs else kept
    changed = replace(
        vm,
        name=vm.name if changes.name is None else a_host_label("name", changes.name),
        display_name=vm.display_name if changes.display_name is None else a_name("displayname", changes.display_name),
        group=vm.group if changes.group is None else changes.group,
        ha_enabled=vm.ha_enabled if changes.ha_enabled is None else changes.ha_enabled,
        user_data=vm.user_data if changes.user_data is None else in_base64("userdata", changes.user_data),
        user_data_id=vm.user_data_id if changes.user_data is None else changes.user_data_id,
        user_data_details=vm.user_data_details
        if changes.user_data is None
        else dict(changes.user_data_details) or None,
        encrypted_password=None if changes.key_pairs else vm.encrypted_password,
        delete_protection=vm.delete_protection if changes.delete_protection is None else changes.delete_protection,
        details=vm.details if changes.details is None else _details(vm, changes.details),
        **keys,
    )
    if vm.state is not VmState.STOPPED and _as_it_boots(changed) != _as_it_boots(vm):
        raise ResourceInUse(f"VM {vm.name} is {vm.state}: its name and user data can be changed when it is Stopped")
    return await cloud.store.vms.swap(vm, changed)


def _as_it_boots(vm: Vm) -> tuple[object, ...]:
    """What a guest is told then, and not before the next time."""
    return vm.name, vm.user_data, vm.user_data_details


def _details(vm: Vm, wanted: Mapping[str, str]) -> dict[str, str]:
    forbidden = sorted(set(wanted) & set(OURS))
    if forbidden:
        raise InvalidParameter("details", f"{', '.join(forbidden)} cannot be set")
    return dict(wanted) | {name: vm.details[name] for name in OURS if name in vm.details}
