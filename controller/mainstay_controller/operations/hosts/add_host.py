"""Add a host: its row, and the token with which its agent comes in.

The host is Creating until its agent says Hello; `http://sim/c0/h0` is a simulated one.  What the agent needs to come in is shown once, in the
answer: an invitation, which carries a token (kept as its hash) and the authority to be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import ParseResult

from mainstay_controller.domain.ids import ClusterId, HostId, PodId, ZoneId
from mainstay_controller.domain.records import Cluster, EnrolmentToken, Host
from mainstay_controller.domain.states import ResourceState
from mainstay_controller.operations.checks import a_name, a_url, one_of, tags
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.living import living_cluster, living_pod, living_zone
from mainstay_controller.operations.secrets import name_of_host_password, sealed
from mainstay_controller.store.port import LIVE, Store, eq
from mainstay_runtime.identity import Invitation, new_token, token_sha256

SIMULATED_AUTHORITY = "sim"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHost:
    """The cluster is named by its id, or by its name in the pod."""

    zone_id: ZoneId
    pod_id: PodId
    url: str
    hypervisor: str
    cluster_id: ClusterId | None = None
    cluster_name: str = ""
    name: str = ""
    username: str = ""
    password: str = ""
    resource_state: ResourceState = ResourceState.ENABLED
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedHost:
    host: Host
    invitation: str


async def add_host(new: NewHost, cloud: Cloud) -> AddedHost:
    zone = await living_zone(new.zone_id, cloud.store)
    pod = await living_pod(new.pod_id, zone, cloud.store)
    cluster = await _cluster(new, cloud.store)
    if cluster.pod_id != pod.id:
        raise InvalidParameter("clusterid", f"cluster {cluster.name} is not in pod {pod.name}")
    one_of("hypervisor", new.hypervisor, (cluster.hypervisor,))
    url = a_url("url", new.url, "http")
    now = await cloud.store.now()
    host = Host(
        id=HostId(cloud.rng.uuid()),
        zone_id=zone.id,
        pod_id=pod.id,
        cluster_id=cluster.id,
        name=a_name("url", new.name or _name_in(url)),
        hypervisor=cluster.hypervisor,
        created=now,
        url=new.url,
        ip="" if _is_simulated(url) else _authority(url),
        resource_state=new.resource_state,
        tags=tags("hosttags", new.tags),
        username=new.username,
        state_since=now,
    )
    password = sealed(name_of_host_password(host.id), new.password, cloud)
    return await _write(replace(host, password=password), cloud)


async def invite_agent(agent_id: str, store: Store, cloud: Cloud) -> str:
    """What lets an agent have the certificate of that id, once."""
    token = new_token(cloud.rng)
    now = await store.now()
    await store.enrolment_tokens.add(
        EnrolmentToken(
            id=token_sha256(token),
            role="agent",
            subject_id=agent_id,
            created=now,
            expires=now + timedelta(seconds=cloud.settings.enrolment_token_seconds),
        )
    )
    return Invitation(token=token, ca_pem=cloud.ca_pem).to_text() if cloud.ca_pem else token


async def _write(host: Host, cloud: Cloud) -> AddedHost:
    async with cloud.store.transaction() as store:
        if await store.hosts.find(eq("url", host.url), LIVE, limit=1):
            raise InvalidParameter("url", f"a host with URL {host.url} exists")
        host = await store.hosts.add(host)
        return AddedHost(host=host, invitation=await invite_agent(host.id, store, cloud))


async def _cluster(new: NewHost, store: Store) -> Cluster:
    if new.cluster_id is not None:
        return await living_cluster(new.cluster_id, store)
    found = await store.clusters.find(eq("pod_id", new.pod_id), eq("name", new.cluster_name), LIVE, limit=1)
    if not found:
        raise InvalidParameter("clustername", f"there is no cluster {new.cluster_name!r} in that pod")
    return found[0]


def _is_simulated(url: ParseResult) -> bool:
    return _authority(url) == SIMULATED_AUTHORITY


def _name_in(url: ParseResult) -> str:
    return url.path.strip("/").replace("/", "-") if _is_simulated(url) else _authority(url)


def _authority(url: ParseResult) -> str:
    if not url.hostname:
        raise InvalidParameter("url", f"{url.geturl()!r} names no host")
    return url.hostname
