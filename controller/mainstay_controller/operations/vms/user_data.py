"""User data: given by its words, by the name under which an account keeps it, or by the template; a VM takes it as it is then, and stays with that.

A template's own may be replaced, be added to, or be the last word, as its policy says.  What is put together is a MIME archive, which cloud-init takes
apart again."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from enum import StrEnum

from mainstay_controller.domain.ids import UserDataId
from mainstay_controller.domain.records import Account, Template, UserData
from mainstay_controller.operations.checks import a_name, in_base64
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.store.port import LIVE, Conflict, eq

BOUNDARY = "mainstay-user-data"
VARIABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")  # also a file's name on its config drive
KINDS = {
    b"#cloud-config": "cloud-config",
    b"#cloud-boothook": "cloud-boothook",
    b"#include": "x-include-url",
    b"#part-handler": "part-handler",
    b"## template: jinja": "jinja2",
    b"#!": "x-shellscript",
}
"""How cloud-init knows a part by its first line, and how it is called in an archive."""


class Policy(StrEnum):
    """How far a VM may be told otherwise than its template says."""

    ALLOW_OVERRIDE = "ALLOWOVERRIDE"
    APPEND = "APPEND"
    DENY_OVERRIDE = "DENYOVERRIDE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a caller says: words, or a name, and values of its variables."""

    content: str | None = None
    data_id: UserDataId | None = None
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a VM is told, under which name it is kept, and with which values of its variables."""

    content: str
    id: UserDataId | None = None
    details: Mapping[str, str] = field(default_factory=dict)


NOTHING = Told(content="")


async def register_user_data(name: str, content: str, params: str, owner: Account, cloud: Cloud) -> UserData:
    if not content:
        raise InvalidParameter("userdata", "it is empty")
    data = UserData(
        id=UserDataId(cloud.rng.uuid()),
        name=a_name("name", name),
        account_id=owner.id,
        domain_id=owner.domain_id,
        created=await cloud.store.now(),
        content=in_base64("userdata", content),
        params=params,
    )
    try:
        return await cloud.store.user_data.add(data)
    except Conflict:
        raise InvalidParameter("name", f"user data {data.name} exists in account {owner.name}") from None


async def delete_user_data(data: UserData, cloud: Cloud) -> None:
    users = await cloud.store.vms.find(eq("user_data_id", data.id), LIVE, limit=1)
    if users:
        raise ResourceInUse(f"User data {data.name} is that of VM {users[0].name}")
    images = await cloud.store.templates.find(eq("user_data_id", data.id), LIVE, limit=1)
    if images:
        raise ResourceInUse(f"User data {data.name} is that of template {images[0].name}")
    await cloud.store.user_data.remove(data.id)


async def link_to_template(template: Template, data: UserData | None, policy: Policy, cloud: Cloud) -> Template:
    """None: the template has none any more."""
    linked = replace(template, user_data_id=data.id if data else None, user_data_policy=policy if data else None)
    return await cloud.store.templates.swap(template, linked)


async def told_by(asked: Asked, template: Template | None, cloud: Cloud) -> Told | None:
    """None: nothing was said, neither by the caller nor by the template."""
    own = await _own(asked, cloud)
    if template is None or template.user_data_id is None:
        return own if own is None and not asked.details else await with_details(own or NOTHING, asked.details, cloud)
    templates = Told(
        content=(await cloud.store.user_data.by_id(template.user_data_id)).content, id=template.user_data_id
    )
    match Policy(template.user_data_policy or Policy.ALLOW_OVERRIDE):
        case Policy.DENY_OVERRIDE if own is not None:
            raise InvalidParameter("userdata", f"template {template.name} does not let its user data be overridden")
        case Policy.APPEND if own is not None:
            own = Told(content=put_together([templates.content, own.content]), id=own.id)
    return await with_details(own or templates, asked.details, cloud)


async def _own(asked: Asked, cloud: Cloud) -> Told | None:
    if asked.data_id is None:
        return None if asked.content is None else Told(content=in_base64("userdata", asked.content))
    if asked.content:
        raise InvalidParameter("userdataid", "give userdata or userdataid, not both")
    return Told(content=(await cloud.store.user_data.by_id(asked.data_id)).content, id=asked.data_id)


async def with_details(told: Told, details: Mapping[str, str], cloud: Cloud) -> Told:
    """Of variables that the user data declares, where it declares any."""
    if not details:
        return told
    if not told.content:
        raise InvalidParameter("userdatadetails", "there is no user data with variables")
    bad = sorted(name for name in details if not VARIABLE.fullmatch(name))
    if bad:
        raise InvalidParameter("userdatadetails", f"{bad[0]!r} is no name of a variable")
    data = await cloud.store.user_data.get(told.id) if told.id else None
    declared = {name.strip() for name in data.params.split(",") if name.strip()} if data else set()
    unknown = sorted(set(details) - declared)
    if declared and unknown:
        raise InvalidParameter(
            "userdatadetails", f"{unknown[0]} is none of its variables {', '.join(sorted(declared))}"
        )
    return replace(told, details=dict(details))


def put_together(contents: Sequence[str]) -> str:
    """In Base64, as each of them is."""
    archive = MIMEMultipart(boundary=BOUNDARY)
    for content in contents:
        for part in _parts(b64decode(content)):
            archive.attach(part)
    return b64encode(archive.as_bytes()).decode()


def _parts(content: bytes) -> list[Message]:
    """Those of an archive, or the one that it is."""
    if content.lower().startswith((b"content-type: multipart", b"mime-version:")):
        return [part for part in message_from_bytes(content).walk() if not part.is_multipart()]
    kind = next((name for mark, name in KINDS.items() if content.startswith(mark)), "plain")
    part = MIMENonMultipart("text", kind)
    part.add_header("Content-Transfer-Encoding", "base64")
    part.set_payload(b64encode(content).decode())
    return [part]
