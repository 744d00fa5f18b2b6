"""A store in memory: the same contract as the SQL ones, for tests on virtual time and for the simulation.

Transactions are serial: one at a time, rolled back by restoring the rows.  The clock is the caller's, so that virtual time
governs expiry.  Faults are injected by `before`, which is awaited ahead of every call and may raise or wait."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Generic, TypeVar

from mainstay_controller.store.aggregates import AGGREGATES
from mainstay_controller.store.port import Conflict, NotFound, Page, Stale, Where
from mainstay_runtime.clock import Clock

T = TypeVar("T")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryStore:
    """`MemoryStore(clock)`; several controllers of one test share one `Rows`."""

    def __init__(
        self, clock: Clock, rows: Rows | None = None, before: Callable[[str], Awaitable[None]] | None = None
    ) -> None:
        self.rows = rows or Rows()
        self._clock = clock
        self._before = before
        self._in_transaction = False
        for name, aggregate in AGGREGATES.items():
            setattr(self, name, MemoryRepository(name, aggregate.unique, self))

    async def now(self) -> datetime:
        await self.touch("now")
        return EPOCH + timedelta(seconds=self._clock.monotonic())

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryStore]:
        if self._in_transaction:
            raise RuntimeError("transactions do not nest")
        async with self.rows.lock:
            inner = MemoryStore(self._clock, self.rows, self._before)
            inner._in_transaction = True
            kept = {name: dict(table) for name, table in self.rows.tables.items()}
            try:
                yield inner
                await self.touch("commit")
            except BaseException:
                self.rows.tables = kept
                raise

    async def touch(self, what: str) -> None:
        if self._before is not None:
            await self._before(what)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        if self._in_transaction:
            yield
            return
        async with self.rows.lock:
            yield

    async def close(self) -> None:
        return None

    def __getattr__(self, name: str) -> Any:  # the repositories, set in __init__
        raise AttributeError(name)


class Rows:
    """What outlives a store object: the tables."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {name: {} for name in AGGREGATES}
        self.lock = asyncio.Lock()


class MemoryRepository(Generic[T]):
    """See store.port.Repository."""

    def __init__(self, name: str, unique: Sequence[Sequence[str]], store: MemoryStore) -> None:
        self._name = name
        self._unique = unique
        self._store = store

    @property
    def _table(self) -> dict[str, T]:
        return self._store.rows.tables[self._name]

    async def by_id(self, record_id: str) -> T:
        found = await self.get(record_id)
        if found is None:
            raise NotFound(f"{self._name}: {record_id}")
        return found

    async def get(self, record_id: str) -> T | None:
        await self._store.touch(f"get {self._name}")
        return self._table.get(record_id)

    async def find(
        self, *where: Where, order_by: str = "created", descending: bool = False, limit: int | None = None
    ) -> list[T]:
        await self._store.touch(f"find {self._name}")
        found = self._named_in(where)
        for condition in where:
            kept = keeper(condition)
            found = [row for row in found if kept(row)]
        if len(found) > 1:
            found.sort(key=lambda row: (sort_key(getattr(row, order_by)), row.id), reverse=descending)  # type: ignore[attr-defined]
        return found[:limit]

    def _named_in(self, where: Sequence[Where]) -> list[T]:
        """Rows whose ids the question names are not looked for among all."""
        for condition in where:
            if condition.field == "id" and condition.op in ("eq", "in"):
                ids = (condition.value,) if condition.op == "eq" else frozenset(condition.value)
                return [self._table[record_id] for record_id in ids if record_id in self._table]
        return list(self._table.values())

    async def page(
        self, *where: Where, page: Page, order_by: str = "created", descending: bool = False
    ) -> tuple[list[T], int]:
        found = await self.find(*where, order_by=order_by, descending=descending)
        if page.size is None:
            return found, len(found)
        first = (page.number - 1) * page.size
        return found[first : first + page.size], len(found)

    async def count(self, *where: Where) -> int:
        return len(await self.find(*where))

    async def count_by(self, field: str, *where: Where) -> dict[str, int]:
        return dict(Counter(getattr(row, field) for row in await self.find(*where)))

    async def add(self, record: T) -> T:
        await self.add_all([record])
        return record

    async def add_all(self, records: Sequence[T]) -> None:
        await self._store.touch(f"add {self._name}")
        async with self._store.writing():
            for fields in (("id",), *self._unique):
                self._refuse_twins(records, fields, self._table.values())
            self._table.update({record.id: record for record in records})  # type: ignore[attr-defined]

    async def swap(self, old: T, new: T) -> T:
        [written] = await self.swap_all([(old, new)])
        return written

    async def swap_all(self, changes: Sequence[tuple[T, T]]) -> list[T]:
        await self._store.touch(f"swap {self._name}")
        async with self._store.writing():
            kept = dict(self._table)
            try:
                return [self._swap(old, new) for old, new in changes]
            except (Stale, Conflict):
                self._store.rows.tables[self._name] = kept
                raise

    def _swap(self, old: Any, new: Any) -> T:
        current: Any = self._table.get(old.id)
        if current is None or current.version != old.version:
            raise Stale(f"{self._name}: {old.id}")
        written: T = dataclasses.replace(new, version=current.version + 1)
        for fields in self._unique:
            if any(getattr(current, name) != getattr(written, name) for name in fields):
                self._refuse_twins([written], fields, [row for row in self._table.values() if row is not current])
        self._table[current.id] = written
        return written

    async def remove(self, record_id: str) -> bool:
        await self._store.touch(f"remove {self._name}")
        async with self._store.writing():
            return self._table.pop(record_id, None) is not None

    async def claim(
        self, *where: Where, owner_id: str, owner_epoch: int, limit: int, order_by: str = "created"
    ) -> list[T]:
        candidates = await self.find(*where, order_by=order_by, limit=limit)
        claimed = []
        for row in candidates:
            mine: T = dataclasses.replace(row, owner_id=owner_id, owner_epoch=owner_epoch)  # type: ignore[type-var]
            try:
                claimed.append(await self.swap(row, mine))
            except Stale:
                continue
        return claimed

    def _refuse_twins(self, records: Sequence[Any], fields: Sequence[str], others: Iterable[Any]) -> None:
        identity = attrgetter(*fields)
        taken = {identity(other) for other in others}
        for record in records:
            if None in [getattr(record, name) for name in fields]:
                continue
            if identity(record) in taken:
                raise Conflict(f"{self._name}: {', '.join(fields)} {identity(record)} is taken")
            taken.add(identity(record))


def keeper(condition: Where) -> Callable[[Any], bool]:
    field, want = condition.field, condition.value
    if condition.op == "contains_any_case":
        keyword, names = str(want).lower(), field.split(",")
        return lambda row: any(keyword in str(getattr(row, name) or "").lower() for name in names)
    compare, wanted = COMPARE[condition.op], frozenset(want) if condition.op in ("in", "not_in") else want
    return lambda row: compare(getattr(row, field), wanted)


def sort_key(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda have, want: bool(have == want),
    "ne": lambda have, want: have is not None and have != want,
    "in": lambda have, want: have in want,
    "not_in": lambda have, want: have is not None and have not in want,
    "lt": lambda have, want: have is not None and have < want,
    "le": lambda have, want: have is not None and have <= want,
    "gt": lambda have, want: have is not None and have > want,
    "ge": lambda have, want: have is not None and have >= want,
    "null": lambda have, _want: have is None,
    "not_null": lambda have, _want: have is not None,
}
