"""Users and operators, who go on using the cloud while it burns: each asks some controller that lives, and takes no for an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mainstay_controller.domain.ids import HostId, PoolId, VmId
from mainstay_controller.domain.lifecycle.table import ForbiddenTransition
from mainstay_controller.domain.records import Host, Job, StoragePool
from mainstay_controller.domain.states import PoolState, ResourceState
from mainstay_controller.operations.beginning.first_admin import ADMIN_ACCOUNT_ID, ADMIN_USER_ID, ROOT_DOMAIN_ID
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import OperationError
from mainstay_controller.operations.jobs import Asker
from mainstay_controller.operations.maintenance import drain_host, storage_maintenance
from mainstay_controller.operations.orders.choose_host import Wish
from mainstay_controller.operations.vms import (
    attach_volume,
    deploy_vm,
    destroy_vm,
    migrate_vm,
    reboot_vm,
    restore_vm,
    start_vm,
    stop_vm,
)
from mainstay_controller.operations.vms.vm_jobs import living_vm
from mainstay_controller.store.port import NotFound, OutcomeUnknown, Stale, Unreachable
from tests.kit.simulation.faults import Scene
from tests.kit.simulation.furniture import DATA_VOLUMES, OFFERING, TEMPLATE, ZONE
from tests.kit.simulation.loop import sim_loop
from tests.kit.simulation.plan import Happening

if TYPE_CHECKING:
    from tests.kit.simulation.cloud import SimulatedCloud

USER = Asker(account_id=ADMIN_ACCOUNT_ID, user_id=ADMIN_USER_ID)
NO = (OperationError, ForbiddenTransition, NotFound, Stale, OutcomeUnknown, Unreachable)

Request = Callable[[Cloud], Awaitable[Job | Host | StoragePool]]
ASK_AGAIN_SECONDS, LOOKS_MAX = 3.0, 20


def asks(scene: Scene, name: str, request: Request) -> Happening:
    return scene.once(f"a user asks: {name}", lambda cloud: ask(cloud, request))


def ask(cloud: SimulatedCloud, request: Request) -> None:
    living = [each for each in cloud.controllers.values() if each.lives()]
    if not living:
        return
    controller = cloud.chance.choice(living)
    assert controller.cloud is not None
    assert controller.process is not None
    controller.process.spawn(_ask(cloud, controller.cloud, request))


async def _ask(cloud: SimulatedCloud, at: Cloud, request: Request) -> None:
    try:
        given = await request(at)
    except NO as error:
        cloud.story.tell("user", f"is told: {error!r}")
    else:
        got = f"a job: {given.command} of {given.instance_id}" if isinstance(given, Job) else given.name
        cloud.story.tell("user", f"has {got}")


def deploys(scene: Scene) -> Happening:
    new = deploy_vm.NewVm(
        zone_id=ZONE,
        service_offering_id=OFFERING,
        template_id=TEMPLATE,
        account_id=ADMIN_ACCOUNT_ID,
        domain_id=ROOT_DOMAIN_ID,
        wish=Wish(by_root=True),
    )
    return asks(scene, "deploy another", lambda cloud: deploy_vm.begin(new, USER, cloud))


def starts(scene: Scene) -> Happening:
    vm = VmId(scene.vm())
    return asks(scene, f"start {vm}", lambda cloud: start_vm.begin(vm, Wish(by_root=True), USER, cloud))


def stops(scene: Scene) -> Happening:
    vm, forced = VmId(scene.vm()), scene.chance.random() < 0.5
    return asks(scene, f"stop {vm}", lambda cloud: stop_vm.begin(vm, USER, cloud, forced=forced))


def reboots(scene: Scene) -> Happening:
    vm = VmId(scene.vm())
    return asks(scene, f"reboot {vm}", lambda cloud: reboot_vm.begin(vm, USER, cloud))


def destroys(scene: Scene) -> Happening:
    vm, expunge = VmId(scene.vm()), scene.chance.random() < 0.5
    return asks(scene, f"destroy {vm}", lambda cloud: destroy_vm.begin(vm, USER, cloud, expunge=expunge))


def restores(scene: Scene) -> Happening:
    vm = VmId(scene.vm())
    return asks(scene, f"restore {vm}", lambda cloud: restore_vm.begin(vm, None, USER, cloud))


def migrates(scene: Scene) -> Happening:
    vm, host = VmId(scene.vm()), HostId(scene.host())
    return asks(scene, f"migrate {vm} to {host}", lambda cloud: migrate_vm.begin(vm, USER, cloud, host_id=host))


def attaches(scene: Scene) -> Happening:
    volume_id, vm_id = scene.chance.choice(DATA_VOLUMES), VmId(scene.vm())

    async def request(cloud: Cloud) -> Job:
        volume = await cloud.store.volumes.by_id(volume_id)
        return await attach_volume.begin_attach(volume, await living_vm(vm_id, cloud.store), None, USER, cloud)

    return asks(scene, f"attach {volume_id} to {vm_id}", request)


def detaches(scene: Scene) -> Happening:
    volume_id = scene.chance.choice(DATA_VOLUMES)

    async def request(cloud: Cloud) -> Job:
        return await attach_volume.begin_detach(await cloud.store.volumes.by_id(volume_id), USER, cloud)

    return asks(scene, f"detach {volume_id}", request)


def empties(scene: Scene) -> Happening:
    """Maintenance of a host."""
    host_id = HostId(scene.host())
    return _maintenance(
        f"{host_id} is to be emptied",
        lambda at: drain_host.begin(host_id, USER, at),
        lambda cloud: cloud.database.rows.tables["hosts"][host_id].resource_state is ResourceState.ENABLED,
        lambda at: drain_host.cancel(host_id, at),
        scene,
    )


def closes(scene: Scene) -> Happening:
    """Maintenance of a pool; whatever has a disk there is stopped, and runs again afterwards."""
    pool_id = PoolId(scene.pool())
    return _maintenance(
        f"{pool_id} is to be closed",
        lambda at: storage_maintenance.begin(pool_id, USER, at),
        lambda cloud: cloud.database.rows.tables["pools"][pool_id].state is PoolState.UP,
        lambda at: storage_maintenance.cancel(pool_id, USER, at),
        scene,
    )


def _maintenance(
    name: str, request: Request, is_over: Callable[[SimulatedCloud], bool], cancel: Request, scene: Scene
) -> Happening:
    """At its end the operator asks until it is over, and looks after it for a while: his first wish may come late."""

    def end(cloud: SimulatedCloud, looks: int = LOOKS_MAX) -> None:
        if not is_over(cloud):
            ask(cloud, cancel)
        if looks:
            sim_loop().of_nobody_later(ASK_AGAIN_SECONDS, end, cloud, looks - 1)

    return scene.lasts(name, lambda cloud: ask(cloud, request), end, 5.0, 60.0)
