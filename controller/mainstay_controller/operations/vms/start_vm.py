"""Start a VM: find a host, reserve it, make the disks, raise the epoch, order the start; the next host if that one cannot.

Every step is a row before it is an order, and each turn of the loop does what the row says is next.  So it may be run again from the start at
any time, by any controller, beside a recovery that does the same.  A host that does not answer is asked until it, or proof of its
death, says what became of the order: only then is another host tried."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ha.victims import ENDED
from mainstay_controller.domain.ids import ClusterId, HostId, PodId, VmId, ZoneId
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.placement.request import Purpose
from mainstay_controller.domain.records import Host, Job, StoragePool, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.fleet.outcome import Done, Outcome, in_words
from mainstay_controller.operations.change_state import change_vm
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InsufficientCapacity, OperationError, ResourceInUse
from mainstay_controller.operations.jobs import JOBS, Asker, JobRun
from mainstay_controller.operations.journal import Level
from mainstay_controller.operations.orders.ask_again import boot_is_over, until_known
from mainstay_controller.operations.orders.choose_host import (
    Wish,
    ZoneView,
    choose,
    is_overcommitted,
    look_at_zone,
    pool_reached_by,
    pools_for,
    request_for,
    what_it_lacks,
)
from mainstay_controller.operations.orders.decision_record import alert_key
from mainstay_controller.operations.orders.start_orders import as_victim, order_start, raise_epoch, taken_off
from mainstay_controller.operations.storage.make_volumes import VolumeNotMade, assign_pool, make_volumes, withdraw_pool
from mainstay_controller.operations.vms.vm_jobs import living_vm, tell_end, write_vm_job
from mainstay_controller.store.port import LIVE, Stale, Store, eq, ne

COMMAND, EVENT = "startVirtualMachine", "VM.START"
RIVALS_PAUSE_SECONDS = 0.5
LOOKS_MAX = 8
"""How often a start looks again at a cloud that is full with reservations."""


class HostCannot(Exception):
    """That host certainly does not run the guest, and said why."""

    def __init__(self, host_id: HostId, why: str) -> None:
        self.host_id, self.why = host_id, why
        super().__init__(why)


class NotWanted(ResourceInUse):
    """The VM was stopped by a user while it was being started."""


async def begin(vm_id: VmId, wish: Wish, asker: Asker, cloud: Cloud, *, command: str = COMMAND) -> Job:
    """`command`: as which the job is known, and its result shown; here and with the other verbs of VMs."""
    vm = await living_vm(vm_id, cloud.store)
    if vm.state not in (VmState.STOPPED, VmState.STOPPING, VmState.STARTING, VmState.RUNNING):
        raise ResourceInUse(f"VM {vm.name} cannot be started: it is {vm.state}")
    async with cloud.store.transaction() as store:
        job = await begin_within(store, vm, wish, asker, cloud, command=command)
    cloud.fleet.bells.ring(JOBS)
    return job


async def begin_within(store: Store, vm: Vm, wish: Wish, asker: Asker, cloud: Cloud, *, command: str = COMMAND) -> Job:
    """In the caller's transaction, who rings the bell after it; whatever the VM is now, the job looks when its turn comes."""
    changed = replace(vm, wanted_running=True)
    return await write_vm_job(command, EVENT, vm, asker, store, cloud, changed=changed, parameters=wish_in_words(wish))


async def work(run: JobRun) -> Vm:
    vm = await want_running(VmId(run.job.instance_id), True, run)
    vm = await bring_up_or_give_up(vm.id, wish_of(run.job), run, EVENT, "is not started")
    await run.cloud.journal.resolve(run.cloud.store, alert_key(vm))
    host = await run.cloud.store.hosts.get(vm.host_id) if vm.host_id else None
    lacks = what_it_lacks(vm, host) if host else ""
    level = Level.WARN if lacks else Level.INFO
    await tell_end(EVENT, f"VM {vm.name} is started{lacks}", vm, run, run.cloud.store, level=level)
    return vm


async def bring_up_or_give_up(vm_id: VmId, wish: Wish, run: JobRun, event: str, failure: str) -> Vm:
    """As `bring_up`; a VM that does not come up is wanted no longer, and the event tells its user, as `failure`, what became of it."""
    try:
        return await bring_up(vm_id, wish, run)
    except NotWanted:
        raise  # the stop that is next in line finishes it
    except OperationError as error:
        vm = await give_up(vm_id, run, VmEvent.OPERATION_FAILED, str(error))
        await tell_end(event, f"VM {vm.name} {failure}: {error}", vm, run, run.cloud.store, level=Level.ERROR)
        raise


async def bring_up(vm_id: VmId, wish: Wish, run: JobRun) -> Vm:
    """Running, or an OperationError that says why not; then the row is Starting on no host, or Stopped."""
    start = Start(wish, run)
    while True:
        vm = await run.cloud.store.vms.by_id(vm_id)
        if vm.state is VmState.RUNNING:
            return vm
        if vm.state not in (VmState.STOPPED, VmState.STARTING):
            raise ResourceInUse(f"VM {vm.name} cannot be started: it is {vm.state}")
        try:
            await start.next_step(vm)
        except HostCannot as answer:
            start.tried[answer.host_id] = answer.why
        except Stale:
            continue  # somebody else moved the row: look again


class Start:
    """One attempt to get a VM running; `tried` are hosts that could not, `mine` the epoch or reservation that this very run wrote."""

    def __init__(self, wish: Wish, run: JobRun) -> None:
        self.wish = wish
        self.run = run
        self.cloud = run.cloud
        self.tried: dict[HostId, str] = {}
        self.mine: tuple[HostId, int] | None = None
        self.looks_left = LOOKS_MAX

    async def next_step(self, vm: Vm) -> None:
        if vm.host_id is not None:
            await self.order(vm)
        elif not vm.wanted_running:
            raise NotWanted(f"VM {vm.name} was stopped while it was being started")
        elif vm.target_host_id is not None:
            await self.make_ready(vm, await self.cloud.store.hosts.by_id(vm.target_host_id))
        else:
            await self.run.checkpoint()
            await self.reserve(vm)

    async def reserve(self, vm: Vm) -> None:
        """A host, and a pool for what is not made yet.  Several may reserve the last room at once: all look again, and all let go."""
        await self.run.reached("choosing a host", 10)
        zone = await look_at_zone(vm.zone_id, self.cloud)
        try:
            host, pool = await self.find_room(vm, zone)
        except InsufficientCapacity:
            if await self.others_may_let_go(vm.zone_id):
                return
            raise
        event = VmEvent.OPERATION_RETRY if vm.state is VmState.STARTING else VmEvent.START_REQUESTED
        reserved = replace(vm, target_host_id=host.id, host_boot_id=host.boot_id)
        async with self.cloud.store.transaction() as store:
            vm = await change_vm(store, vm, event, await store.now(), f"to be started on {host.name}", into=reserved)
            if pool is not None:
                await assign_pool(vm, pool, store)
        self.mine = (host.id, vm.epoch)
        if await is_overcommitted(host, zone.clusters[host.cluster_id], self.cloud.store):
            await release(vm, VmEvent.OPERATION_RETRY, "its room went to others too", self.cloud)
            await self.pause()

    async def find_room(self, vm: Vm, zone: ZoneView) -> tuple[Host, StoragePool | None]:
        if len(self.tried) >= self.cloud.settings.start_retry:
            raise InsufficientCapacity(f"VM {vm.name} could not be started: {self.answers(zone)}")
        volumes = await self.cloud.store.volumes.find(eq("vm_id", vm.id), LIVE)
        offering = await self.cloud.store.service_offerings.get(vm.service_offering_id)
        request = request_for(vm, volumes, offering, self.wish, zone)
        request = replace(request, demand=replace(request.demand, avoid=frozenset(self.tried.items())))
        host = zone.hosts[choose(zone, request, self.cloud).host_id]
        unmade = [volume for volume in volumes if volume.pool_id is None]
        return host, pool_reached_by(host, pools_for(unmade, offering, zone), zone) if unmade else None

    async def others_may_let_go(self, zone_id: ZoneId) -> bool:
        """No room, but some of it is only reserved: a few more looks are worth their while."""
        self.looks_left -= 1
        reserved = (eq("zone_id", zone_id), eq("state", VmState.STARTING), eq("host_id", None))
        if self.looks_left < 0 or not await self.cloud.store.vms.count(*reserved, ne("target_host_id", None)):
            return False
        await self.pause()
        return True

    async def pause(self) -> None:
        """Of a length of its own, so that rivals come apart."""
        await self.cloud.clock.sleep(self.cloud.rng.uniform(0.0, RIVALS_PAUSE_SECONDS))

    async def make_ready(self, vm: Vm, host: Host) -> None:
        await self.run.reached(f"making disks on {host.name}", 30)
        fresh = self.mine == (host.id, vm.epoch)
        try:
            await make_volumes(vm, host, self.run, may_have_been_sent=not fresh)
        except VolumeNotMade as error:
            await self.let_go(vm, host, str(error))
        cluster = await self.cloud.store.clusters.by_id(host.cluster_id)
        now = await self.cloud.store.now()
        raised = await raise_epoch(self.cloud.store, vm, host, cluster, now, f"disks are ready on {host.name}")
        self.mine = (host.id, raised.epoch)

    async def order(self, vm: Vm) -> None:
        """Until the host, or its proven death, says what became of it."""
        assert vm.host_id is not None
        host_id = vm.host_id
        await self.run.reached(f"starting on {host_id}", 60)
        told = await until_known(
            lambda attempt: self._order(vm, attempt),
            may_have_been_sent=self.mine != (host_id, vm.epoch),
            host_is_gone=lambda: self._row_moved_or_host_is_gone(vm, host_id),
            cloud=self.cloud,
        )
        now = await self.cloud.store.now()
        if isinstance(told, Done):
            await change_vm(self.cloud.store, vm, VmEvent.OPERATION_SUCCEEDED, now, "its host says so")
            return
        why = in_words(told)
        await change_vm(self.cloud.store, vm, VmEvent.OPERATION_RETRY, now, why, into=taken_off(vm))
        raise HostCannot(host_id, why)

    async def let_go(self, vm: Vm, host: Host, why: str) -> None:
        await release(vm, VmEvent.OPERATION_RETRY, why, self.cloud)
        raise HostCannot(host.id, why)

    def answers(self, zone: ZoneView) -> str:
        return "; ".join(f"{zone.hosts[host_id].name}: {why}" for host_id, why in self.tried.items())

    async def _order(self, vm: Vm, attempt: int) -> Outcome:
        return await order_start(vm, command_id=self.run.command_id("start", vm.epoch, attempt), cloud=self.cloud)

    async def _row_moved_or_host_is_gone(self, vm: Vm, host_id: HostId) -> bool:
        row = await self.cloud.store.vms.by_id(vm.id)
        if (row.state, row.epoch) != (vm.state, vm.epoch):
            raise Stale(f"VM {vm.name} is {row.state} under epoch {row.epoch} now")
        if not row.wanted_running:
            raise NotWanted(f"VM {vm.name} was stopped while it was being started")
        return await boot_is_over(host_id, vm.host_boot_id, self.cloud, await as_victim(vm, self.cloud.store))


async def release(vm: Vm, event: VmEvent, why: str, cloud: Cloud, *, wanted: bool | None = None) -> Vm:
    """Off a host that was told nothing of the guest itself; volumes not made are nowhere again."""
    off = replace(taken_off(vm, why), wanted_running=vm.wanted_running if wanted is None else wanted)
    async with cloud.store.transaction() as store:
        vm = await change_vm(store, vm, event, await store.now(), why, into=off)
        await withdraw_pool(vm, store)
        return vm


async def give_up(vm_id: VmId, run: JobRun, event: VmEvent, why: str) -> Vm:
    """The start failed for good: nobody goes on wanting it.  A VM that may be on a host after all is left to whoever finds out."""
    while True:
        vm = await run.cloud.store.vms.by_id(vm_id)
        if vm.host_id is not None or vm.state not in (VmState.STARTING, VmState.STOPPED):
            return vm
        try:
            if vm.state is VmState.STARTING or event is VmEvent.OPERATION_FAILED_TO_ERROR:
                return await release(vm, event, why, run.cloud, wanted=False)
            return await run.cloud.store.vms.swap(vm, replace(vm, wanted_running=False))
        except Stale:
            continue


async def want_running(vm_id: VmId, wanted: bool, run: JobRun) -> Vm:
    """Each job of a line writes its own intent when its turn comes, since the one before it may have written another; once, since what is
    written later is another user's wish.  Nobody wants a VM to run that was destroyed by then."""
    while True:
        vm = await living_vm(vm_id, run.cloud.store)
        if vm.wanted_running is wanted or run.was_begun_before or (wanted and vm.state in ENDED):
            return vm
        try:
            return await run.cloud.store.vms.swap(vm, replace(vm, wanted_running=wanted))
        except Stale:
            continue


def wish_in_words(wish: Wish) -> dict[str, str]:
    """For the job's row."""
    places = {"podid": wish.pod_id, "clusterid": wish.cluster_id, "hostid": wish.host_id}
    flags = {"byroot": wish.by_root, "considerlasthost": wish.consider_last_host}
    return {name: id for name, id in places.items() if id} | {name: str(flag) for name, flag in flags.items()}


def wish_of(job: Job, purpose: Purpose = Purpose.START) -> Wish:
    said = job.parameters
    return Wish(
        purpose=purpose,
        pod_id=PodId(said["podid"]) if "podid" in said else None,
        cluster_id=ClusterId(said["clusterid"]) if "clusterid" in said else None,
        host_id=HostId(said["hostid"]) if "hostid" in said else None,
        by_root=said.get("byroot") == "True",
        consider_last_host=said.get("considerlasthost") != "False",
    )
