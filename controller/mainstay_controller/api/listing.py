"""List commands without repetition: a request with filters beside its parameters, a repository and a view make one.

Every list has keyword, page and pagesize; one of owned things also has account, domainid, listall and isrecursive, and is scoped by
`access.visible`.  A parameter noted `Filter()` selects rows by the field of its name; what no filter can say, `where` says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from mainstay_controller.api.access import Caller, visible
from mainstay_controller.api.answers import Rows, Worked
from mainstay_controller.api.parameters import AllAre, NothingHas, NotKept, Parameter, parameters_of
from mainstay_controller.api.registry import SINCE, AnswerKind, Handled, summary_of
from mainstay_controller.api.views import View, class_shown_by
from mainstay_controller.domain.ids import DomainId
from mainstay_controller.domain.roles import Role
from mainstay_controller.domain.states import JobState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.store.port import LIVE, Page, Repository, Store, Where, any_of, contains, eq

PAGE_SIZE_MAX = 500
UNLIMITED = -1
PENDING_ON_THE_WIRE = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What every list command takes."""

    keyword: Annotated[str | None, "List by keyword"] = None
    page: Annotated[int | None, "the number of the page, from 1"] = None
    page_size: Annotated[int | None, "the number of rows of a page, at most 500"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedListing(Listing):
    tags: Annotated[tuple[dict[str, str], ...], "list only what has these tags: tags[0].key, tags[0].value"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopedListing(TaggedListing):
    """What a list of owned things takes as well."""

    account: Annotated[str | None, "list resources of this account; with domainid, of that domain"] = None
    domain_id: Annotated[DomainId | None, "list only resources of this domain"] = None
    is_recursive: Annotated[bool, "with domainid: also those of its subdomains"] = False
    list_all: Annotated[bool, "list everything the caller may see, not only what their account owns"] = False
    project_id: Annotated[str | None, "list what belongs to this project; -1: as if it were not said"] = None


R = TypeVar("R")
L = TypeVar("L", bound=Listing)
V = TypeVar("V")


def page_of(request: Listing) -> Page:
    """The page asked for; page and pagesize come together, and -1 stands for the maximum."""
    if request.page is None and request.page_size in (None, UNLIMITED):
        return Page(size=PAGE_SIZE_MAX)
    if request.page is None or request.page_size is None:
        raise InvalidParameter("page", "page and pagesize are given together")
    if request.page < 1:
        raise InvalidParameter("page", "pages are counted from 1")
    if not 1 <= request.page_size <= PAGE_SIZE_MAX:
        raise InvalidParameter("pagesize", f"Page size can't exceed max allowed page size value: {PAGE_SIZE_MAX}")
    return Page(number=request.page, size=request.page_size)


def page_in_memory(request: Listing, rows: Sequence[V]) -> Rows[V]:
    """For lists that are not in the database."""
    page = page_of(request)
    size = page.size or PAGE_SIZE_MAX
    begin = (page.number - 1) * size
    return Rows(rows=rows[begin : begin + size], count=len(rows))


def filters_of(request: object, parameters: Sequence[Parameter]) -> list[Where]:
    """One condition for each filter that was given."""
    conditions = []
    for parameter in parameters:
        value = getattr(request, parameter.field)
        if isinstance(parameter.filter, NothingHas):
            conditions += [any_of("id", ())] if value else []
        elif isinstance(parameter.filter, AllAre):
            conditions += [any_of("id", ())] if value not in (None, parameter.filter.value) else []
        elif isinstance(parameter.filter, NotKept):
            if value is not None:
                raise InvalidParameter(parameter.name, parameter.description)
        elif parameter.filter is not None and value is not None:
            field = parameter.filter.field or parameter.field
            conditions.append(any_of(field, value) if isinstance(value, tuple) else eq(field, value))
    return conditions


def listing(
    name: str,
    *,
    request: type[L],
    rows: Callable[[Store], Repository[R]],
    view: View[R, V],
    roles: frozenset[Role],
    keyword: Sequence[str] = ("name",),
    order_by: str = "name",
    newest_first: bool = False,
    fixed: Sequence[Where] = (LIVE,),
    where: Callable[[L, Caller, Cloud], Awaitable[list[Where]]] | None = None,
    shared: Callable[[Caller, Store], Awaitable[list[Where]]] | None = None,
    view_for: Callable[[L], View[R, V]] | None = None,
    envelope: str | None = None,
    since: str = SINCE,
) -> Handled:
    """A list command.  `shared`: the rows that a caller sees although somebody else owns them.  `view_for`: how they are shown, where that depends
    on what was asked."""
    asked_for: type = request
    parameters = parameters_of(asked_for)
    is_worked = issubclass(class_shown_by(view), Worked)

    async def handler(asked: object, caller: Caller, cloud: Cloud) -> Rows[V]:
        assert isinstance(asked, request)
        conditions = [*fixed, *filters_of(asked, parameters)]
        if isinstance(asked, ScopedListing):
            own = await visible(caller, asked, cloud.store)
            conditions += (
                own if shared is None else await _own_or(own, await shared(caller, cloud.store), rows(cloud.store))
            )
        if isinstance(asked, TaggedListing):
            conditions += [await _tagged(tag, cloud.store) for tag in asked.tags]
        if asked.keyword:
            conditions.append(contains(keyword, asked.keyword))
        if where is not None:
            conditions += await where(asked, caller, cloud)
        found, count = await rows(cloud.store).page(
            *conditions, page=page_of(asked), order_by=order_by, descending=newest_first
        )
        shown = await (view if view_for is None else view_for(asked))(found, caller, cloud)
        return Rows(rows=await _with_jobs(shown, cloud.store) if is_worked else shown, count=count)

    return Handled(
        name=name,
        description=summary_of(request),
        roles=roles,
        request=request,
        kind=AnswerKind.LIST,
        view=class_shown_by(view),
        envelope=envelope or name.lower() + "response",
        handler=handler,
        since=since,
    )


async def _with_jobs(shown: Sequence[V], store: Store) -> list[V]:
    """The oldest pending job of each stands in its row."""
    ids = [str(getattr(each, "id")) for each in shown]  # noqa: B009
    pending = await store.jobs.find(eq("state", JobState.PENDING), any_of("instance_id", ids)) if ids else []
    first = {job.instance_id: job for job in reversed(pending)}
    return [
        replace(each, job_id=first[id].id, job_status=PENDING_ON_THE_WIRE) if id in first else each  # type: ignore[type-var]
        for id, each in zip(ids, shown, strict=True)
    ]


async def _tagged(tag: dict[str, str], store: Store) -> Where:
    if "key" not in tag:
        raise InvalidParameter("tags", "each is tags[N].key and, if it matters, tags[N].value")
    value = [eq("value", tag["value"])] if "value" in tag else []
    found = await store.tags.find(eq("key", tag["key"]), *value)
    return any_of("id", sorted({each.resource_id for each in found}))


async def _own_or(own: list[Where], shared: list[Where], rows: Repository[R]) -> list[Where]:
    """Conditions are joined by AND; what is owned or shared is told by its ids."""
    if not own:
        return []
    found = [*await rows.find(*own), *await rows.find(*shared)]
    return [any_of("id", sorted({str(getattr(each, "id")) for each in found}))]  # noqa: B009
