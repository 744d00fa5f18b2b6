"""Give a VM a data disk, or take one away: at once while it runs, by an order to its host; else with its next start.

A guest with one more disk can write to one more pool, and dies with one more lease.  So the row says Attaching before the host is told, and
Detaching until the host has given its word that the guest has closed the disk: in both the guest may have it, so that every proof must be
settled on that pool, and may not stand on it, so that no lease of that pool proves it gone (`domain.ha.proof`).  What nobody knows stays so, and
the job, or the user's next, asks on.  A new disk's file is made before it is the guest's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mainstay_controller.domain.ha.proof import UNSURE
from mainstay_controller.domain.ids import HostId, VmId, VolumeId
from mainstay_controller.domain.records import Host, Job, StoragePool, Vm, Volume
from mainstay_controller.domain.states import VmState, VolumeState
from mainstay_controller.fleet.outcome import Done, Failed, Outcome, Refused, in_words
from mainstay_controller.operations.checks import a_number
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse, ResourceUnavailable
from mainstay_controller.operations.jobs import JOBS, Asker, JobRun
from mainstay_controller.operations.journal import Level
from mainstay_controller.operations.orders.ask_again import boot_is_over, until_known
from mainstay_controller.operations.orders.choose_host import look_at_zone, pool_reached_by, pools_for
from mainstay_controller.operations.orders.start_orders import as_victim, image_path, unmoved
from mainstay_controller.operations.storage.make_volumes import VolumeNotMade, make
from mainstay_controller.operations.storage.volume_jobs import volume_job
from mainstay_controller.operations.storage.volumes import check_stopped
from mainstay_controller.operations.vms.vm_jobs import add_vm_job, living_vm, tell_end
from mainstay_controller.store.port import LIVE, Stale, Store, eq

ATTACH, DETACH = "attachVolume", "detachVolume"
EVENTS = {ATTACH: "VOLUME.ATTACH", DETACH: "VOLUME.DETACH"}
SETTLED = (VmState.RUNNING, VmState.STOPPED)
DEVICE_ID_MAX = 25
DEADLINE_SECONDS = 300.0
"""A guest may hold on to its disk for ever; its stop stands behind this in its line."""


class MovedOn(Exception):
    """The guest does not run on that host under that epoch any more: look at its row again."""


# --- asked ------------------------------------------------------------------------------------------------------------


async def begin_attach(volume: Volume, vm: Vm, device_id: int | None, asker: Asker, cloud: Cloud) -> Job:
    _check_fits(volume, vm)
    if volume.vm_id is not None and not _is_being_attached(volume, vm):
        raise ResourceInUse(f"Volume {volume.name} is attached already")
    await _free_device_id(vm, volume, device_id, cloud.store)
    said = {} if device_id is None else {"deviceid": str(device_id)}
    return await _begin(ATTACH, volume, vm, said, asker, cloud)


async def begin_detach(volume: Volume, asker: Asker, cloud: Cloud) -> Job:
    if volume.vm_id is None:
        raise InvalidParameter("id", f"volume {volume.name} is not attached")
    if volume.type == "ROOT":
        raise InvalidParameter("id", f"volume {volume.name} is the root disk of its VM")
    vm = await living_vm(volume.vm_id, cloud.store, "virtualmachineid")
    _check_settled(vm)
    return await _begin(DETACH, volume, vm, {}, asker, cloud)


async def _begin(command: str, volume: Volume, vm: Vm, said: Mapping[str, str], asker: Asker, cloud: Cloud) -> Job:
    said = {**said, "virtualmachineid": vm.id}
    job = await volume_job(
        command, volume, asker, cloud, to_be_given_to=vm.id, parameters=said, deadline_seconds=DEADLINE_SECONDS
    )
    async with cloud.store.transaction() as store:
        job = await add_vm_job(job, EVENTS[command], vm, store, cloud)
    cloud.fleet.bells.ring(JOBS)
    return job


def _check_fits(volume: Volume, vm: Vm) -> None:
    if volume.removed is not None or volume.state is VolumeState.DESTROY:
        raise InvalidParameter("id", f"volume {volume.name} is deleted")
    if volume.type == "ROOT":
        raise InvalidParameter("id", f"volume {volume.name} is the root disk of a VM")
    if volume.zone_id != vm.zone_id:
        raise InvalidParameter("virtualmachineid", f"VM {vm.name} is in another zone than volume {volume.name}")
    _check_settled(vm)


def _check_settled(vm: Vm) -> None:
    if vm.state not in SETTLED:
        raise ResourceInUse(
            f"VM {vm.name} is {vm.state}: disks are attached and detached while it is Running or Stopped"
        )


def _is_being_attached(volume: Volume, vm: Vm) -> bool:
    return volume.vm_id == vm.id and volume.state is VolumeState.ATTACHING


async def _free_device_id(vm: Vm, volume: Volume, wanted: int | None, store: Store) -> int:
    """0 is the root disk's."""
    others = [each for each in await store.volumes.find(eq("vm_id", vm.id), LIVE) if each.id != volume.id]
    taken = {each.device_id for each in others}
    if wanted is not None:
        if wanted in taken:
            raise InvalidParameter("deviceid", f"device {wanted} of VM {vm.name} is taken")
        return a_number("deviceid", wanted, least=1, most=DEVICE_ID_MAX)
    free = next((number for number in range(1, DEVICE_ID_MAX + 1) if number not in taken), None)
    if free is None:
        raise ResourceInUse(f"VM {vm.name} has {len(taken)} disks already")
    return free


async def _give(volume: Volume, vm: Vm, state: VolumeState, wanted: int | None, store: Store) -> Volume:
    """In the caller's transaction."""
    device_id = volume.device_id if volume.vm_id == vm.id else None
    if device_id is None:
        device_id = await _free_device_id(vm, volume, wanted, store)
    return await store.volumes.swap(volume, replace(volume, vm_id=vm.id, device_id=device_id, state=state))


async def attach_at_rest(volume: Volume, vm: Vm, cloud: Cloud) -> Volume:
    """At once, to a VM that is Stopped.  Raises Stale if it is started meanwhile."""
    _check_fits(volume, vm)
    check_stopped(vm)
    async with cloud.store.transaction() as store:
        await store.vms.swap(vm, vm)
        return await _give(volume, vm, volume.state, None, store)


# --- done -------------------------------------------------------------------------------------------------------------


async def work(run: JobRun) -> Volume:
    return await Plugging(run).done()


class Plugging:
    """One job.  `sent_before`: an order of an earlier run of it may be on its way."""

    def __init__(self, run: JobRun) -> None:
        self.run = run
        self.cloud = run.cloud
        self.attaches = run.job.command == ATTACH
        self.sent_before = run.was_begun_before
        self.orders = 0

    async def done(self) -> Volume:
        """Each turn does what the rows say is next; while the guest is on its way from or to a host that is to wait."""
        while True:
            vm = await living_vm(VmId(self.run.job.parameters["virtualmachineid"]), self.cloud.store)
            volume = await self.cloud.store.volumes.by_id(VolumeId(self.run.job.instance_id))
            if volume.vm_id == (vm.id if self.attaches else None) and volume.state not in UNSURE:
                await self._tell(vm, f"Volume {volume.name} is {'attached' if self.attaches else 'detached'}")
                return volume
            if volume.vm_id not in (None, vm.id):  # two were asked for at once, and stand in the lines of two guests
                raise ResourceInUse(f"Volume {volume.name} is attached to another VM by now")
            try:
                await self._next_step(volume, vm)
            except Stale:
                continue
            except MovedOn:
                await self.cloud.clock.sleep(self.cloud.settings.ask_again_seconds)

    async def _next_step(self, volume: Volume, vm: Vm) -> None:
        if vm.state not in SETTLED:
            await self.run.reached(f"waiting while the VM is {vm.state}", 30)
            await self.cloud.clock.sleep(self.cloud.settings.ask_again_seconds)
        elif vm.state is VmState.STOPPED:
            await self._write(volume, vm, attached=self.attaches, state=_at_rest(volume))
        elif volume.state is not self._meant:
            await self._write(await self._with_its_file(volume, vm), vm, attached=True, state=self._meant)
        else:
            await self._order_it(volume, vm)

    @property
    def _meant(self) -> VolumeState:
        return VolumeState.ATTACHING if self.attaches else VolumeState.DETACHING

    async def _write(self, volume: Volume, vm: Vm, *, attached: bool, state: VolumeState) -> None:
        """Together with a look at the guest's row: a start, a stop or a move that began meanwhile makes this Stale."""
        if self.attaches:
            _check_fits(volume, vm)
        wanted = self.run.job.parameters.get("deviceid")
        async with self.cloud.store.transaction() as store:
            await store.vms.swap(vm, vm)
            if attached:
                await _give(volume, vm, state, int(wanted) if wanted else None, store)
            else:
                await store.volumes.swap(volume, replace(volume, vm_id=None, device_id=None, state=state))

    # --- a new disk ---------------------------------------------------------------------------------------------------

    async def _with_its_file(self, volume: Volume, vm: Vm) -> Volume:
        """On a pool that the guest's host reaches."""
        if volume.state not in (VolumeState.ALLOCATED, VolumeState.CREATING):
            return volume
        host = await self.cloud.store.hosts.by_id(str(vm.host_id))
        if volume.pool_id is None:
            volume = await self._placed(volume, vm, host)
        pool = await self.cloud.store.pools.by_id(str(volume.pool_id))
        template = await self.cloud.store.templates.get(volume.template_id) if volume.template_id else None
        await self.run.reached(f"making the disk on pool {pool.name}", 10)
        image = image_path(template)
        try:
            return await make(volume, pool, image, host, vm.host_boot_id, self.run, may_have_been_sent=self.sent_before)
        except VolumeNotMade as error:
            nowhere = replace(volume, pool_id=None, state=VolumeState.ALLOCATED)
            await self.cloud.store.volumes.swap(volume, nowhere)
            await self._give_up(vm, str(error))
            raise

    async def _placed(self, volume: Volume, vm: Vm, host: Host) -> Volume:
        zone = await look_at_zone(vm.zone_id, self.cloud)
        offerings = self.cloud.store.disk_offerings
        offering = await offerings.get(volume.disk_offering_id) if volume.disk_offering_id else None
        pool = pool_reached_by(host, pools_for([volume], offering, zone), zone)
        if pool is None:
            why = f"No pool that host {host.name} reaches has room for volume {volume.name}"
            await self._give_up(vm, why)
            raise ResourceUnavailable(why)
        placed = replace(volume, pool_id=pool.id, state=VolumeState.CREATING)
        return await self.cloud.store.volumes.swap(volume, placed)

    # --- the order ----------------------------------------------------------------------------------------------------

    async def _order_it(self, volume: Volume, vm: Vm) -> None:
        pool = await self.cloud.store.pools.by_id(str(volume.pool_id))
        await self.run.reached(f"{'attaching' if self.attaches else 'detaching'} the disk", 60)
        told = await until_known(
            lambda attempt: self._order(volume, vm, pool, attempt),
            may_have_been_sent=self.sent_before,
            host_is_gone=lambda: self._moved_or_gone(vm),
            cloud=self.cloud,
        )
        row = await unmoved(vm, self.cloud.store)
        if isinstance(told, Done):
            await self._write(volume, row, attached=self.attaches, state=VolumeState.READY)
            return
        await self._put_back(volume, row, told)

    async def _order(self, volume: Volume, vm: Vm, pool: StoragePool, attempt: int) -> Outcome:
        """The tenure is taken before the row is read: see order_start."""
        cloud, host_id = self.cloud, HostId(str(vm.host_id))
        tenure = cloud.fleet.tenure(host_id)
        row = await unmoved(vm, cloud.store)
        command_id = self.run.command_id("plug", vm.epoch, self.run.job.attempts, self.orders, attempt)
        seconds = cloud.settings.order_deadline_seconds
        if self.attaches:
            return await cloud.fleet.attach_disk(
                host_id, row, volume, pool.path, tenure, command_id=command_id, deadline_seconds=seconds
            )
        return await cloud.fleet.detach_disk(
            host_id, row, volume, pool.path, command_id=command_id, deadline_seconds=seconds
        )

    async def _moved_or_gone(self, vm: Vm) -> bool:
        row = await self.cloud.store.vms.by_id(vm.id)
        is_elsewhere = (row.host_id, row.epoch, row.state) != (vm.host_id, vm.epoch, vm.state)
        what = await as_victim(vm, self.cloud.store)
        if is_elsewhere or await boot_is_over(HostId(str(vm.host_id)), vm.host_boot_id, self.cloud, what):
            raise MovedOn
        return False

    async def _put_back(self, volume: Volume, vm: Vm, told: Refused | Failed) -> None:
        """It is certainly as it was."""
        if told.code == "not-running":
            self.orders += 1
            await self.cloud.clock.sleep(self.cloud.settings.ask_again_seconds)
            return  # it ended, and somebody is about to write so
        await self._write(volume, vm, attached=not self.attaches, state=VolumeState.READY)
        why = f"Volume {volume.name} is not {'attached to' if self.attaches else 'detached from'} VM {vm.name}"
        await self._give_up(vm, f"{why}: {in_words(told)}")
        raise ResourceUnavailable(f"{why}: {in_words(told)}")

    async def _give_up(self, vm: Vm, why: str) -> None:
        await self._tell(vm, why, Level.ERROR)

    async def _tell(self, vm: Vm, text: str, level: Level = Level.INFO) -> None:
        await tell_end(EVENTS[self.run.job.command], text, vm, self.run, self.cloud.store, level=level)


def _at_rest(volume: Volume) -> VolumeState:
    """Of a disk whose guest is Stopped; one without a file is made with the guest's next start."""
    return VolumeState.READY if volume.state in UNSURE else volume.state
