"""User data that an account keeps under a name.  A VM takes its content as it is when it is given, and stays with that."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_controller.domain.ids import UserDataId
from mainstay_controller.domain.records import Account, UserData
from mainstay_controller.operations.checks import a_name, in_base64
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.store.port import LIVE, Conflict, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a VM is told, and under which name it is kept."""

    content: str
    id: UserDataId | None = None


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
    await cloud.store.user_data.remove(data.id)


async def told_by(content: str | None, data_id: UserDataId | None, cloud: Cloud) -> Told | None:
    """By its words or by its name; None: nothing was said."""
    if data_id is None:
        return None if content is None else Told(content=in_base64("userdata", content))
    if content:
        raise InvalidParameter("userdataid", "give userdata or userdataid, not both")
    return Told(content=(await cloud.store.user_data.by_id(data_id)).content, id=data_id)
