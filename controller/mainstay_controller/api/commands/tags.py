"""Tags: a user's words on things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, may_change
from mainstay_controller.api.answers import Success
from mainstay_controller.api.errors import not_permitted, unknown_entity
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import Filter, Length, NothingHas
from mainstay_controller.api.views import groups as views
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.resource_tags import (
    REPOSITORIES,
    Owned,
    Tagged,
    a_resource_type,
    remove_tags,
    set_tags,
)
from mainstay_controller.store.port import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTags(ScopedListing):
    """Lists tags."""

    resource_type: Annotated[str | None, "the kind of thing, such as UserVm", Filter()] = None
    resource_id: Annotated[str | None, "the ID of the thing", Filter()] = None
    key: Annotated[str | None, "the key", Filter()] = None
    value: Annotated[str | None, "the value", Filter()] = None
    customer: Annotated[str | None, "a customer: tags have none", NothingHas()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTags:
    resource_ids: Annotated[tuple[str, ...], "the IDs of the things"]
    resource_type: Annotated[str, "their kind, such as UserVm"]
    tags: Annotated[dict[str, str], "tags[0].key=.. and tags[0].value=..", Length(1024)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTags:
    resource_ids: Annotated[tuple[str, ...], "the IDs of the things"]
    resource_type: Annotated[str, "their kind, such as UserVm"]
    tags: Annotated[dict[str, str] | None, "which; without any, all", Length(1024)] = None


list_tags = listing(
    "listTags",
    request=ListTags,
    rows=lambda store: store.tags,
    view=views.tags,
    roles=EVERYBODY,
    keyword=("key", "value"),
    order_by="key",
    fixed=(),
)


@instant_job("createTags", roles=USERS)
async def create(request: CreateTags, caller: Caller, cloud: Cloud) -> Success:
    """Puts tags on things."""
    await set_tags(await _things("createTags", request, caller, cloud), request.tags, cloud)
    return Success()


@instant_job("deleteTags", roles=USERS)
async def delete(request: DeleteTags, caller: Caller, cloud: Cloud) -> Success:
    """Takes tags off things."""
    await remove_tags(await _things("deleteTags", request, caller, cloud), request.tags or {}, cloud)
    return Success()


async def _things(command: str, request: CreateTags | DeleteTags, caller: Caller, cloud: Cloud) -> list[Tagged]:
    kind = a_resource_type("resourcetype", request.resource_type)
    repository: Repository[Owned] = getattr(cloud.store, REPOSITORIES[kind])
    if not request.resource_ids:
        raise InvalidParameter("resourceids", "name the things")
    things = []
    for resource_id in request.resource_ids:
        record = await repository.get(resource_id)
        if record is None:
            raise unknown_entity(command, "resourceids", resource_id)
        if not await may_change(caller, record, cloud.store):
            raise not_permitted(caller.account.name)
        things.append(Tagged(type=kind, id=resource_id, owner=record))
    return things


COMMANDS = (list_tags, create, delete)
