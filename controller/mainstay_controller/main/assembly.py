"""How a controller is put together: each part by a function, so that tests compose the same parts around fakes."""

from __future__ import annotations

from functools import partial

from prometheus_client import CollectorRegistry

from mainstay_controller.api.commands import ALL
from mainstay_controller.api.dispatch import Dispatcher
from mainstay_controller.api.identify import by_credentials, by_trust
from mainstay_controller.api.job_works import job_works
from mainstay_controller.api.server import ApiServer
from mainstay_controller.fleet.enrolment import EnrolmentBook
from mainstay_controller.fleet.fleet import Fleet, SessionTiming
from mainstay_controller.fleet.power.ipmitool import Ipmitool
from mainstay_controller.fleet.power.port import PowerControllers
from mainstay_controller.fleet.power.redfish import Redfish
from mainstay_controller.loops.capacity import look_at_capacity
from mainstay_controller.loops.certificates import watch_certificates
from mainstay_controller.loops.guests import hear_hosts
from mainstay_controller.loops.heartbeats import watch_heartbeats
from mainstay_controller.loops.incidents import Desk
from mainstay_controller.loops.jobs import attend_to_rows, work_on_jobs
from mainstay_controller.loops.lag import measure_lag
from mainstay_controller.loops.mail import mail_for_ever
from mainstay_controller.loops.membership import keep_membership, mind_our_tenure
from mainstay_controller.loops.peers import hear_peers
from mainstay_controller.loops.upkeep import keep_up
from mainstay_controller.operations import jobs
from mainstay_controller.operations.alerting.mail_alerts import Send
from mainstay_controller.operations.alerting.post import send
from mainstay_controller.operations.cloud import Cloud, ThisController
from mainstay_controller.operations.hosts.admit_host import HostGate
from mainstay_controller.operations.hosts.adopt_hosts import adopt_hosts
from mainstay_controller.operations.journal import Journal
from mainstay_controller.operations.membership import living, renew
from mainstay_controller.operations.settings import Settings
from mainstay_controller.operations.vms import attend_vms
from mainstay_controller.rpc.admission import Admission
from mainstay_controller.rpc.authority import Authority
from mainstay_controller.rpc.enrolment import Enrolment
from mainstay_controller.rpc.server import Doors
from mainstay_controller.rpc.sessions import Sessions
from mainstay_controller.store.port import Store
from mainstay_runtime.clock import Clock, Rng
from mainstay_runtime.tasks import Work


def power_controllers() -> PowerControllers:
    return PowerControllers({"ipmitool": Ipmitool(), "redfish": Redfish(ignore_ssl=True)})


def a_cloud(
    store: Store,
    me: ThisController,
    settings: Settings,
    *,
    clock: Clock,
    rng: Rng,
    power: PowerControllers,
    ca_pem: bytes | None = None,
) -> Cloud:
    timing = SessionTiming(
        ping_interval_seconds=settings.ping_interval_seconds, ping_timeout_factor=settings.ping_timeout_factor
    )
    fleet = Fleet(controller_id=me.id, clock=clock, rng=rng, timing=timing, power=power)
    return Cloud(
        store=store,
        fleet=fleet,
        clock=clock,
        rng=rng,
        settings=settings,
        journal=Journal(clock, rng),
        me=me,
        ca_pem=ca_pem,
    )


async def open_to_agents(cloud: Cloud) -> None:
    """Whom we answer for is known before the first of them comes."""
    await renew(cloud, agents_held=0)
    await living(cloud)
    await adopt_hosts(cloud)
    cloud.fleet.open_to_agents(HostGate(cloud))


def doors(cloud: Cloud, authority: Authority, book: EnrolmentBook) -> Doors:
    enrolment = Enrolment(authority, book, Admission(cloud.clock))
    sessions = Sessions(
        sink=cloud.fleet, book=book, enrolment=enrolment, admission=Admission(cloud.clock), clock=cloud.clock
    )
    return Doors(
        controller_id=cloud.me.id,
        authority=authority,
        enrolment=enrolment,
        sessions=sessions,
        book=book,
        fleet=cloud.fleet,
    )


def api(cloud: Cloud) -> ApiServer:
    return ApiServer(Dispatcher(registry=ALL, cloud=cloud, identify=by_credentials), CollectorRegistry())


def trusting_api(cloud: Cloud) -> ApiServer:
    """For the integration port."""
    return ApiServer(Dispatcher(registry=ALL, cloud=cloud, identify=by_trust), CollectorRegistry())


def works() -> dict[str, jobs.Work]:
    """What jobs do: those that commands begin, and those that nobody asked for."""
    return {**job_works(ALL), attend_vms.COMMAND: attend_vms.work}


def loops(cloud: Cloud, send: Send = send) -> list[Work]:
    """What happens unasked.  `send` is how letters leave."""
    return [
        partial(watch_heartbeats, cloud),
        partial(hear_hosts, cloud),
        Desk(cloud).run,
        partial(work_on_jobs, jobs.JobEngine(cloud, works())),
        partial(attend_to_rows, cloud),
        partial(look_at_capacity, cloud),
        partial(keep_membership, cloud),
        partial(mind_our_tenure, cloud),
        partial(hear_peers, cloud),
        partial(measure_lag, cloud),
        partial(watch_certificates, cloud),
        partial(keep_up, cloud),
        partial(mail_for_ever, send, cloud),
    ]
