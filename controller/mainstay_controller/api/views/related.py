"""The records that a list of records points at, fetched once each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from mainstay_controller.store.port import Repository, any_of


class Identified(Protocol):
    @property
    def id(self) -> str: ...


class Named(Identified, Protocol):
    @property
    def name(self) -> str: ...


R = TypeVar("R", bound=Identified)
N = TypeVar("N", bound=Named)


async def by_ids(repository: Repository[R], record_ids: Iterable[str | None]) -> dict[str | None, R]:
    """The records by id; asking for None's finds nothing."""
    wanted = sorted({record_id for record_id in record_ids if record_id})
    if not wanted:
        return {}
    return {record.id: record for record in await repository.find(any_of("id", wanted))}


async def names_of(repository: Repository[N], record_ids: Iterable[str | None]) -> dict[str | None, str]:
    """Names by id; what is not there has no name, and is left out of answers."""
    return {record_id: record.name for record_id, record in (await by_ids(repository, record_ids)).items()}
