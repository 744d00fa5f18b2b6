"""Register a template: an image that is already where the hosts can read it, looked at through one of them.

`file:///path/image.qcow2` names the image; direct kernel boot names kernel and initrd beside it.  Only root administrators name files outside the
zone's image stores.  What is not a readable image is refused, and
nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from mainstay_controller.domain.ids import AccountId, DomainId, TemplateId, ZoneId
from mainstay_controller.domain.placement.snapshot import reaches
from mainstay_controller.domain.records import Host, StoragePool, Template
from mainstay_controller.domain.states import HostState
from mainstay_controller.fleet.gate import Mount
from mainstay_controller.fleet.outcome import Done, in_words
from mainstay_controller.operations.checks import a_name, a_url, an_absolute_path, one_of
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceUnavailable
from mainstay_controller.operations.living import living_zone
from mainstay_controller.operations.orders.start_orders import path_in
from mainstay_controller.operations.places.add_cluster import HYPERVISORS
from mainstay_controller.operations.storage.image_stores import directories
from mainstay_controller.store.port import LIVE, Store, eq

ISO = "ISO"
FORMATS = {"QCOW2": "qcow2", "RAW": "raw", ISO: "raw"}
"""The formats of images, and how a host that looks at one calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTemplate:
    name: str
    display_text: str
    url: str
    format: str
    hypervisor: str
    account_id: AccountId
    domain_id: DomainId
    zone_id: ZoneId | None = None
    os_type_id: str = ""
    is_public: bool = True
    is_featured: bool = False
    is_extractable: bool = False
    password_enabled: bool = False
    requires_hvm: bool = True
    bootable: bool = True
    checksum: str = ""
    kernel: str = ""
    initrd: str = ""
    kernel_arguments: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    by_root: bool = False


async def register_template(new: NewTemplate, cloud: Cloud) -> Template:
    return await cloud.store.templates.add(await inspected(await checked(new, cloud), cloud))


async def checked(new: NewTemplate, cloud: Cloud) -> Template:
    """As it would be written, before a host has looked at it."""
    zone = await living_zone(new.zone_id, cloud.store) if new.zone_id else None
    url = a_url("url", new.url, "file")
    paths = {"url": url.path, "kernel": new.kernel, "initrd": new.initrd}
    named = {name: an_absolute_path(name, path) for name, path in paths.items() if path or name == "url"}
    if not new.by_root:
        await _check_in_image_stores(named, new.zone_id, cloud.store)
    return Template(
        id=TemplateId(cloud.rng.uuid()),
        name=a_name("name", new.name),
        display_text=a_name("displaytext", new.display_text or new.name),
        created=await cloud.store.now(),
        account_id=new.account_id,
        domain_id=new.domain_id,
        zone_id=zone.id if zone else None,
        hypervisor=one_of("hypervisor", new.hypervisor, HYPERVISORS),
        format=one_of("format", new.format, tuple(FORMATS)),
        is_iso=new.format.upper() == ISO,
        bootable=new.bootable,
        url=new.url,
        os_type_id=new.os_type_id,
        is_public=new.is_public,
        is_featured=new.is_featured,
        is_extractable=new.is_extractable,
        password_enabled=new.password_enabled,
        requires_hvm=new.requires_hvm,
        checksum=new.checksum,
        kernel=named.get("kernel", ""),
        initrd=named.get("initrd", ""),
        kernel_arguments=new.kernel_arguments,
        details=dict(new.details),
    )


async def _check_in_image_stores(named: Mapping[str, str], zone_id: ZoneId | None, store: Store) -> None:
    """A host would show its guest any of its files that it is told to boot from."""
    places = await directories(zone_id, store)
    for name, path in named.items():
        if not any(PurePosixPath(path).is_relative_to(place) for place in places):
            raise InvalidParameter(
                name, f"{path} is in no image store file:///... of the zone: only root administrators name other files"
            )


async def hypervisor_of(zone_id: ZoneId, cloud: Cloud) -> str:
    """For what does not say: that of the zone's clusters, if they have one in common."""
    found = {cluster.hypervisor for cluster in await cloud.store.clusters.find(eq("zone_id", zone_id), LIVE)}
    if len(found) != 1:
        raise InvalidParameter("hypervisor", f"the zone has clusters of {', '.join(sorted(found)) or 'none'}: name one")
    return found.pop()


async def inspected(template: Template, cloud: Cloud) -> Template:
    """Ready, with its size; InvalidParameter if a host cannot read it as an image of that format."""
    host = await _a_host_that_can_look(template, cloud)
    answer = await _look(template, host, cloud)
    told_format = answer.get("image_format", "")
    if told_format != FORMATS[template.format]:
        raise InvalidParameter(
            "format", f"host {host.name} finds a {told_format or 'nameless'} image at {template.url}"
        )
    return replace(template, size_bytes=int(answer.get("image_bytes", 0)), is_ready=True, status="Download Complete")


async def _look(template: Template, host: Host, cloud: Cloud) -> Mapping[str, str]:
    """Through the host's check of one of its pools."""
    pool = await _a_pool_of(host, cloud)
    told = await cloud.fleet.check_pool(
        host.id,
        Mount(pool_id=pool.id, path=pool.path, slot=None, shared=pool.scope != "HOST"),
        image_path=path_in(template.url),
        command_id=f"check-image:{template.id}",
        deadline_seconds=cloud.settings.order_deadline_seconds,
    )
    if isinstance(told, Done):
        return told.answer
    raise InvalidParameter("url", f"host {host.name} does not find an image at {template.url}: {in_words(told)}")


async def _a_host_that_can_look(template: Template, cloud: Cloud) -> Host:
    hosts = await cloud.store.hosts.find(
        eq("state", HostState.UP), eq("hypervisor", template.hypervisor), LIVE, order_by="name"
    )
    for host in hosts:
        if template.zone_id in (None, host.zone_id) and cloud.fleet.is_connected(host.id):
            return host
    raise ResourceUnavailable(f"No {template.hypervisor} host is {HostState.UP} to look at template {template.name}")


async def _a_pool_of(host: Host, cloud: Cloud) -> StoragePool:
    for pool in await cloud.store.pools.find(eq("zone_id", host.zone_id), LIVE):
        if reaches(host, pool):
            return pool
    raise ResourceUnavailable(f"Host {host.name} has no primary storage yet")
