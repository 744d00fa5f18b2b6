"""What hosts can be ordered to do with guests and disks.

The promise: a verb returns Done, Refused, Failed or Unknown and never guesses; `command_id` makes it idempotent, so that a caller who runs
again after a crash repeats the same id.  A Refused `not-connected` says that *this* call sent nothing; an earlier one with that id may have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from mainstay_controller.domain.ids import HostId, PoolId, VmId
from mainstay_controller.domain.records import Vm, Volume
from mainstay_controller.fleet.gate import Mount
from mainstay_controller.fleet.guest_spec import GuestOrder, IsoOnHost, disk_spec, guest_spec, iso_spec
from mainstay_controller.fleet.outcome import Outcome, Refused
from mainstay_proto import messages as m

NOT_KNOWN = Refused(code="not-connected", detail="nothing was known of the host when the order was decided")


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStep:
    percent: int
    phase: str


class Verbs(ABC):
    """Over whatever carries an order to its host."""

    def __init__(self) -> None:
        self._migrations: dict[str, MigrationStep] = {}

    @abstractmethod
    async def _order(self, host_id: HostId, order: m.Order, command_id: str, deadline_seconds: float) -> Outcome: ...

    @abstractmethod
    def tenure(self, host_id: HostId) -> m.Tenure | None:
        """The boot and the leases under which an order may be given to that host; None: nothing is known of it.

        To be taken *before* the row is read that says who belongs there: whatever takes the guest off that host later ends this tenure first."""

    # --- guests -------------------------------------------------------------------------------------------------------

    async def start_guest(
        self, host_id: HostId, guest: GuestOrder, tenure: m.Tenure | None, *, command_id: str, deadline_seconds: float
    ) -> Outcome:
        """Given under the boot in the VM's row and the leases of `tenure`: later ones refuse it."""
        if tenure is None:
            return NOT_KNOWN
        spec = guest_spec(guest)
        order = m.StartGuest(spec=spec, tenure=_of_pools(tenure, spec.pool_ids, guest.vm.host_boot_id))
        return await self._order(host_id, order, command_id, deadline_seconds)

    async def stop_guest(
        self,
        host_id: HostId,
        vm_id: VmId,
        epoch: int,
        *,
        forced: bool = False,
        grace_seconds: float = 60.0,
        command_id: str,
        deadline_seconds: float,
    ) -> Outcome:
        """Done only when the guest is certainly gone, or was not there; its standing authority is void from then on."""
        order = m.StopGuest(vm_id=vm_id, epoch=epoch, forced=forced, grace_seconds=grace_seconds)
        return await self._order(host_id, order, command_id, deadline_seconds)

    async def reboot_guest(
        self,
        host_id: HostId,
        vm_id: VmId,
        epoch: int,
        *,
        forced: bool = False,
        command_id: str,
        deadline_seconds: float,
    ) -> Outcome:
        order = m.RebootGuest(vm_id=vm_id, epoch=epoch, forced=forced)
        return await self._order(host_id, order, command_id, deadline_seconds)

    async def change_medium(
        self,
        host_id: HostId,
        vm_id: VmId,
        epoch: int,
        medium: IsoOnHost | None,
        pool_id: PoolId,
        *,
        forced: bool = False,
        command_id: str,
        deadline_seconds: float,
    ) -> Outcome:
        """What lies in the drive of a guest that runs, `forced` though it has locked the tray; `pool_id`: of its root disk."""
        spec = None if medium is None else iso_spec(medium, pool_id)
        order = m.ChangeMedium(vm_id=vm_id, epoch=epoch, medium=spec, forced=forced)
        return await self._order(host_id, order, command_id, deadline_seconds)

    async def attach_disk(
        self,
        host_id: HostId,
        vm: Vm,
        volume: Volume,
        mount_path: str,
        tenure: m.Tenure | None,
        *,
        command_id: str,
        deadline_seconds: float,
    ) -> Outcome:
        """To a guest that runs, given as a start is: under the boot in its row and the lease that `tenure` tells of."""
        if tenure is None:
            return NOT_KNOWN
        disk = disk_of(volume, mount_path, None)
        terms = _of_pools(tenure, frozenset({disk.pool_id}), vm.host_boot_id)
        order = m.AttachDisk(vm_id=vm.id, epoch=vm.epoch, disk=disk, tenure=terms)
        return await self._order(host_id, order, command_id, deadline_seconds)

    async def detach_disk(
        self, host_id: HostId, vm: Vm, volume: Volume, mount_path: str, *, command_id: str, deadline_seconds: float
    ) -> Outcome:
        """Done: the guest has it no more, and what it wrote there has landed.  Unknown while it holds on to it."""
        order = m.DetachDisk(vm_id=vm.id, epoch=vm.epoch, disk=disk_of(volume, mount_path, None))
        return await self._order(host_id, order, command_id, deadline_seconds)

    async def grow_disk(
        self, host_id: HostId, vm: Vm, volume: Volume, mount_path: str, *, command_id: str, deadline_seconds: float
    ) -> Outcome:
        """To `volume.size_bytes` at the least, under a guest that runs."""
        order = m.GrowDisk(vm_id=vm.id, epoch=vm.epoch, disk=disk_of(volume, mount_path, None))
        return await self._order(host_id, order, command_id, deadline_seconds)

    async def show_screen(
        self, host_id: HostId, vm: Vm, word: str, address: str, *, command_id: str, deadline_seconds: float
    ) -> Outcome:
        """Done: the host has dialled the controller at `address`, and begun with `word` (fleet.screens)."""
        order = m.ShowScreen(vm_id=vm.id, epoch=vm.epoch, word=word, address=address)
        return await self._order(host_id, order, command_id, deadline_seconds)

    async def forget_guest(
        self, host_id: HostId, vm_id: VmId, epoch: int, *, command_id: str, deadline_seconds: float
    ) -> Outcome:
        """Done: it does not run there and will not by itself.  Refused `running`: it does."""
        return await self._order(host_id, m.ForgetGuest(vm_id=vm_id, epoch=epoch), command_id, deadline_seconds)

    async def query_guests(
        self, host_id: HostId, vm_ids: tuple[VmId, ...] = (), *, command_id: str, deadline_seconds: float
    ) -> Outcome:
        """Done.guests: those of `vm_ids` (none: all) that the host knows.  Done without a guest: it is not there."""
        return await self._order(host_id, m.QueryGuests(vm_ids=vm_ids), command_id, deadline_seconds)

    # --- migration ----------------------------------------------------------------------------------------------------

    async def prepare_incoming(
        self,
        target_id: HostId,
        guest: GuestOrder,
        source_id: HostId,
        tenure: m.Tenure | None,
        *,
        command_id: str,
        deadline_seconds: float,
    ) -> Outcome:
        """`guest.vm.epoch` is the epoch handed over: the source's + 1."""
        if tenure is None:
            return NOT_KNOWN
        spec = guest_spec(guest)
        order = m.PrepareIncoming(spec=spec, source_host_id=source_id, tenure=_of_pools(tenure, spec.pool_ids, None))
        return await self._order(target_id, order, command_id, deadline_seconds)

    async def migrate_guest(
        self,
        source_id: HostId,
        vm_id: VmId,
        epoch: int,
        *,
        target_epoch: int,
        target_id: HostId,
        target_url: str,
        bandwidth_mib: int | None = None,
        command_id: str,
        deadline_seconds: float,
    ) -> Outcome:
        order = m.MigrateGuest(
            vm_id=vm_id,
            epoch=epoch,
            target_epoch=target_epoch,
            target_host_id=target_id,
            target_url=target_url,
            bandwidth_mib=bandwidth_mib,
        )
        outcome = await self._order(source_id, order, command_id, deadline_seconds)
        self._migrations.pop(command_id, None)
        return outcome

    def migration_step(self, command_id: str) -> MigrationStep | None:
        """The newest word about a migration under way."""
        return self._migrations.get(command_id)

    async def abort_migration(
        self, source_id: HostId, vm_id: VmId, *, command_id: str, deadline_seconds: float
    ) -> Outcome:
        return await self._order(source_id, m.AbortMigration(vm_id=vm_id), command_id, deadline_seconds)

    async def cancel_incoming(
        self, target_id: HostId, vm_id: VmId, epoch: int, *, command_id: str, deadline_seconds: float
    ) -> Outcome:
        """Done: it is not there and will not come.  Refused `running`: it arrived."""
        return await self._order(target_id, m.CancelIncoming(vm_id=vm_id, epoch=epoch), command_id, deadline_seconds)

    # --- storage ------------------------------------------------------------------------------------------------------

    async def prepare_volume(
        self,
        host_id: HostId,
        volume: Volume,
        mount_path: str,
        *,
        template_path: str | None = None,
        command_id: str,
        deadline_seconds: float,
    ) -> Outcome:
        disk = disk_of(volume, mount_path, template_path)
        return await self._order(host_id, m.PrepareVolume(disk=disk), command_id, deadline_seconds)

    async def remove_volume(
        self, host_id: HostId, volume: Volume, mount_path: str, *, command_id: str, deadline_seconds: float
    ) -> Outcome:
        disk = disk_of(volume, mount_path, None)
        return await self._order(host_id, m.RemoveVolume(disk=disk), command_id, deadline_seconds)

    async def grow_volume(
        self, host_id: HostId, volume: Volume, mount_path: str, *, command_id: str, deadline_seconds: float
    ) -> Outcome:
        """To `volume.size_bytes` at the least; Refused `in-use` while a guest has it open."""
        order = m.GrowVolume(disk=disk_of(volume, mount_path, None))
        return await self._order(host_id, order, command_id, deadline_seconds)

    async def check_pool(
        self,
        host_id: HostId,
        mount: Mount,
        *,
        image_path: str | None = None,
        command_id: str,
        deadline_seconds: float,
    ) -> Outcome:
        order = m.CheckPool(mount=pool_mount(mount), image_path=image_path)
        return await self._order(host_id, order, command_id, deadline_seconds)


def _of_pools(tenure: m.Tenure, pool_ids: frozenset[str], boot_id: str | None) -> m.Tenure:
    """`boot_id`: of the guest's row, where that names one."""
    generations = tuple(each for each in tenure.generations if each.pool_id in pool_ids)
    return m.Tenure(boot_id=boot_id or tenure.boot_id, generations=generations)


def pool_mount(mount: Mount) -> m.PoolMount:
    return m.PoolMount(pool_id=mount.pool_id, path=mount.path, slot=mount.slot, shared=mount.shared)


def disk_of(volume: Volume, mount_path: str, template_path: str | None) -> m.DiskSpec:
    return disk_spec(volume, {PoolId(volume.pool_id or ""): mount_path}, template_path)
