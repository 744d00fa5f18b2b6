"""A host's power controller: say where it is, switch its use on and off, give it an order.

What a controller answers to an order is never taken for power: the status is read afterwards and kept.  A cycle or reset whose fate is
unknown is not repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.records import Job, OutOfBand
from mainstay_controller.fleet.power.port import PowerAction
from mainstay_controller.operations.checks import a_number, one_of
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceUnavailable
from mainstay_controller.operations.jobs import JOBS, Asker, JobRun, new_job
from mainstay_controller.operations.journal import AlertType, Level, about_host, place_of
from mainstay_controller.operations.living import living_host
from mainstay_controller.operations.secrets import name_of_power_password, opened, sealed
from mainstay_controller.store.port import LIVE, Stale, Where, any_of

COMMAND, EVENT = "issueOutOfBandManagementPowerAction", "HOST.OOBM.ACTION"
DRIVERS = ("ipmitool", "redfish")
ORDERED = "ordered"
NOT_TO_BE_REPEATED = (PowerAction.CYCLE, PowerAction.RESET)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerPlace:
    """Where the controller is, and as whom it is asked."""

    driver: str
    address: str
    port: int
    username: str
    password: str


async def configure(host_id: HostId, place: PowerPlace, cloud: Cloud) -> OutOfBand:
    host = await living_host(host_id, cloud.store, "hostid")
    wanted = OutOfBand(
        id=host.id,
        created=await cloud.store.now(),
        driver=one_of("driver", place.driver, DRIVERS),
        address=_an_address(place.address),
        port=a_number("port", place.port, least=1, most=65535),
        username=place.username,
        password=sealed(name_of_power_password(host.id), place.password, cloud),
    )
    known = await cloud.store.out_of_band.get(host.id)
    if known is None:
        return await cloud.store.out_of_band.add(wanted)
    return await cloud.store.out_of_band.swap(known, replace(wanted, created=known.created, version=known.version))


async def set_enabled(host_id: HostId, enabled: bool, cloud: Cloud) -> OutOfBand:
    known = await configured(host_id, cloud)
    return (
        known
        if known.enabled is enabled
        else await cloud.store.out_of_band.swap(known, replace(known, enabled=enabled))
    )


async def set_enabled_in(place: Where, enabled: bool, cloud: Cloud) -> None:
    """Of all hosts there that have a power controller."""
    hosts = await cloud.store.hosts.find(LIVE, place)
    for known in await cloud.store.out_of_band.find(any_of("id", [host.id for host in hosts])):
        await set_enabled(known.id, enabled, cloud)


async def configured(host_id: HostId, cloud: Cloud) -> OutOfBand:
    known = await cloud.store.out_of_band.get(host_id)
    if known is None:
        raise InvalidParameter("hostid", "that host has no power controller: use configureOutOfBandManagement")
    return known


async def places_of_power(host_ids: Sequence[HostId], cloud: Cloud) -> dict[HostId, OutOfBand]:
    """Their power controllers, with the password as it is to be used; not to be written back."""
    found = await cloud.store.out_of_band.find(any_of("id", host_ids))
    return {known.id: _with_password(known, cloud) for known in found}


async def begin(host_id: HostId, action: PowerAction, asker: Asker, cloud: Cloud) -> Job:
    known = await configured(host_id, cloud)
    if not known.enabled:
        raise InvalidParameter("hostid", "out-of-band management of that host is disabled")
    job = new_job(
        cloud,
        COMMAND,
        asker,
        await cloud.store.now(),
        instance_type="Host",
        instance_id=host_id,
        parameters={"action": action},
    )
    job = await cloud.store.jobs.add(job)
    cloud.fleet.bells.ring(JOBS)
    return job


async def work(run: JobRun) -> OutOfBand:
    """What its controller says of the host's power after the order."""
    cloud, action = run.cloud, PowerAction(run.job.parameters["action"])
    known = await configured(HostId(run.job.instance_id), cloud)
    if run.job.phase == ORDERED and action in NOT_TO_BE_REPEATED:
        raise ResourceUnavailable(f"Whether {action} took place is unknown; it is not repeated")
    await run.reached(ORDERED)
    said = await cloud.fleet.switch_power(_with_password(known, cloud), action, cloud.settings.power_deadline_seconds)
    known = await _keep(replace(known, power_state=said.state), cloud)
    await _tell(known, action, said.code, run)
    if said.code != "ok":
        raise ResourceUnavailable(f"Power controller {known.address}: {said.code} {said.detail}".strip())
    return known


async def _keep(known: OutOfBand, cloud: Cloud) -> OutOfBand:
    """Somebody else may have read it in the same moment; theirs is as new as ours."""
    try:
        return await cloud.store.out_of_band.swap(known, known)
    except Stale:
        return known


async def _tell(known: OutOfBand, action: PowerAction, code: str, run: JobRun) -> None:
    cloud = run.cloud
    host = await cloud.store.hosts.by_id(known.id)
    text = f"Power action {action} on host {host.name}: {code}, power is {known.power_state}"
    async with cloud.store.transaction() as store:
        about = replace(about_host(host), user_id=run.job.user_id, job_id=run.job.id)
        level = Level.INFO if code == "ok" else Level.ERROR
        await cloud.journal.event(store, EVENT, text, about, level=level)
        if code == "auth":
            subject = f"Power controller of host {host.name} refuses our user or password"
            await cloud.journal.alert(
                store, AlertType.OOBM_AUTH_ERROR, subject, dedupe_key=f"oobm-auth:{host.id}", place=place_of(host)
            )


def _with_password(known: OutOfBand, cloud: Cloud) -> OutOfBand:
    return replace(known, password=opened(name_of_power_password(known.id), known.password, cloud))


def _an_address(address: str) -> str:
    if not address.strip() or not address.isprintable():
        raise InvalidParameter("address", "it is empty or cannot be printed")
    return address.strip()
