"""From rows to the order a host understands: Vm + Volumes + Template + where the pools are mounted -> GuestSpec.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mainstay_controller.domain.ids import JobId, PoolId, TemplateId
from mainstay_controller.domain.records import Nic, Template, Vm, Volume
from mainstay_controller.fleet.config_drive import Seed, config_drive
from mainstay_proto.messages import DiskSpec, GuestSpec, KernelBoot, NicSpec, RestartPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class IsoOnHost:
    id: TemplateId
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestOrder:
    """All that is needed to run `vm` on a host; `vm.epoch` is the epoch of the order.

    `mounts`: where each pool is found on that host.  `template_path`: the image the root disk is made from, on that host."""

    vm: Vm
    volumes: tuple[Volume, ...]
    template: Template | None
    mounts: Mapping[PoolId, str]
    template_path: str | None = None
    iso: IsoOnHost | None = None
    seed: Seed | None = None  # None: it is told nothing as it boots
    screen_password: str | None = None  # None: it has no screen
    memory_floor_mib: int | None = None  # under memory over-provisioning


def guest_spec(order: GuestOrder) -> GuestSpec:
    vm = order.vm
    return GuestSpec(
        vm_id=vm.id,
        name=vm.instance_name or vm.name,
        epoch=vm.epoch,
        vcpus=vm.cpus,
        cpu_mhz=vm.cpu_mhz,
        memory_mib=vm.memory_mib,
        memory_floor_mib=order.memory_floor_mib,
        disks=disks(order),
        nics=tuple(nic_spec(nic) for nic in vm.nics),
        vnc_password=order.screen_password,
        kernel=kernel_boot(order.template),
        ha=vm.ha_enabled,
        restart=restart_policy(vm),
        details=tuple(sorted(vm.details.items())),
        drive=None if order.seed is None else config_drive(vm, order.seed),
    )


def disks(order: GuestOrder) -> tuple[DiskSpec, ...]:
    """Only the root disk has the template behind it."""
    behind = {volume.id: order.template_path for volume in order.volumes if volume.type == "ROOT"}
    own = [disk_spec(volume, order.mounts, behind.get(volume.id)) for volume in by_device(order.volumes)]
    return (*own, *(iso_spec(iso, own[0].pool_id) for iso in (order.iso,) if iso is not None))


def iso_spec(iso: IsoOnHost, pool_id: str) -> DiskSpec:
    """It lies outside the pools and nobody writes to it; so it is counted to the root disk's pool and needs no lease of its own."""
    return DiskSpec(volume_id=iso.id, pool_id=pool_id, path=iso.path, format="raw", read_only=True)


def disk_spec(volume: Volume, mounts: Mapping[PoolId, str], image_path: str | None = None) -> DiskSpec:
    """`image_path`: what it is made from."""
    if volume.pool_id is None:
        raise ValueError(f"volume {volume.id} is on no pool")
    return DiskSpec(
        volume_id=volume.id,
        pool_id=volume.pool_id,
        path=f"{mounts[volume.pool_id].rstrip('/')}/{volume.path or file_name(volume)}",
        format=volume.format,
        size_bytes=volume.size_bytes,
        backing_path=image_path,
    )


def file_name(volume: Volume) -> str:
    return f"{volume.id}.{volume.format}"


def next_file_name(volume: Volume, job_id: JobId) -> str:
    """Of a file that takes an earlier one's place: an order to remove that one may still lie with a host that hangs, and may not mean this."""
    return f"{volume.id}-{job_id}.{volume.format}"


def restart_policy(vm: Vm) -> RestartPolicy:
    """Standing authority follows the HA flag: a guest nobody asked us to keep running is not restarted behind its owner's back."""
    return RestartPolicy(
        restart_after_crash=vm.ha_enabled,
        restart_after_guest_shutdown=vm.ha_enabled and vm.restart_after_guest_shutdown,
    )


def kernel_boot(template: Template | None) -> KernelBoot | None:
    if template is None or not template.kernel:
        return None
    return KernelBoot(kernel=template.kernel, initrd=template.initrd, arguments=template.kernel_arguments)


def nic_spec(nic: Nic) -> NicSpec:
    return NicSpec(nic_id=nic.id, mac=nic.mac, bridge=nic.bridge, ip=nic.ip or None)


def by_device(volumes: tuple[Volume, ...]) -> list[Volume]:
    return sorted(volumes, key=lambda volume: (volume.type != "ROOT", volume.device_id or 0, volume.id))
