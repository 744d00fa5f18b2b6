"""The store on a SQL database: see store.port for what it promises.

SQLite writes are taken one at a time in the process (WAL lets readers go on) and are synced before they count, since an epoch
raised must survive a power loss.  Where an engine sacrifices a transaction to a rival (deadlock, serialization, certification in
a Galera cluster) nothing was written: a write that is a transaction of its own is tried again here, a caller's transaction ends as Stale."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from asyncpg import InterfaceError, InternalClientError, PostgresError
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mainstay_controller.store.port import Conflict, NotFound, OutcomeUnknown, Page, Stale, Unreachable, Where
from mainstay_controller.store.sql import changing
from mainstay_controller.store.sql.changing import Change
from mainstay_controller.store.sql.file_reader import FileReader, Values
from mainstay_controller.store.sql.questions import Question, padded
from mainstay_controller.store.sql.tables import MAPPINGS, Mapping

T = TypeVar("T")
Written = TypeVar("Written")
NOT_THERE = frozenset({"57P01", "57P02", "57P03", "1047", "1053", "1927", "2003", "2006", "2013"})
BARE = (PostgresError, InterfaceError, InternalClientError)
"""What asyncpg raises past SQLAlchemy while it dials, or when a connection ends in the middle of a word."""
RIVALRY = frozenset({"1020", "1205", "1213", "40001", "40P01", "database is locked"})
ATTEMPTS_MAX = 5


class LostToARival(Stale):
    """The engine gave another transaction the way; nothing was written."""


class SqlStore:
    """All repositories on one engine; made by `store.sql.engine.open_store`."""

    def __init__(
        self, engine: AsyncEngine, connection: AsyncConnection | None = None, *, file_reader: FileReader | None = None
    ) -> None:
        """`file_reader`: what reads outside transactions; None: connections of `engine`, put into autocommit."""
        self.engine = engine
        self._file_reader = file_reader
        self._readers = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._connection = connection
        self._writer = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlStore]:
        if self._connection is not None:
            raise RuntimeError("transactions do not nest")
        async with self._alone(), self._connected(self.engine) as connection:
            with told_plainly():
                await connection.begin()
            yield SqlStore(self.engine, connection)
            await commit(connection)

    async def rows(self, query: sa.Executable, values: Values = None) -> Sequence[sa.Row[Any]]:
        """As the caller's transaction sees them, or as they are."""
        if self._connection is not None:
            return await _rows(self._connection, query, values)
        if self._file_reader is not None:
            with told_plainly():
                return await self._file_reader.rows(query, values)
        async with self._connected(self._readers) as connection:
            return await _rows(connection, query, values)

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        with told_plainly():
            connection = await engine.connect()
        try:
            yield connection
        finally:
            await asyncio.shield(let_go(connection))

    async def written(self, write: Callable[[AsyncConnection], Awaitable[Written]]) -> Written:
        """Within the caller's transaction, or as one of its own."""
        if self._connection is not None:
            with told_plainly():
                return await write(self._connection)
        for _ in range(ATTEMPTS_MAX - 1):
            try:
                return await self._written_alone(write)
            except LostToARival:
                continue
        return await self._written_alone(write)

    async def _written_alone(self, write: Callable[[AsyncConnection], Awaitable[Written]]) -> Written:
        async with self.transaction() as inner:
            return await inner.written(write)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        if self._writer is None:
            yield
            return
        async with self._writer:
            yield

    async def now(self) -> datetime:
        [(moment,)] = await self.rows(NOW[self.engine.dialect.name])
        return (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).replace(tzinfo=UTC)

    async def close(self) -> None:
        if self._file_reader is not None:
            self._file_reader.close()
        await self.engine.dispose()

    def __getattr__(self, name: str) -> Any:
        """A repository, made when it is first asked for: a transaction needs few of them."""
        if name not in MAPPINGS:
            raise AttributeError(name)
        repository: SqlRepository[Any] = SqlRepository(MAPPINGS[name], self)
        setattr(self, name, repository)
        return repository


async def _rows(connection: AsyncConnection, query: sa.Executable, values: Values) -> Sequence[sa.Row[Any]]:
    with told_plainly():
        return (await connection.execute(query, values)).all()


async def let_go(connection: AsyncConnection) -> None:
    """Rolls back what was not committed; on a connection that is lost the server has done so."""
    try:
        with told_plainly():
            await connection.close()
    except (Stale, Unreachable):
        await connection.invalidate()


async def commit(connection: AsyncConnection) -> None:
    try:
        with told_plainly():
            await connection.commit()
    except Unreachable as error:
        raise OutcomeUnknown("the connection was lost while committing") from error


NOW = {
    "sqlite": sa.text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')"),
    "postgresql": sa.text("SELECT clock_timestamp() AT TIME ZONE 'UTC'"),
    "mysql": sa.text("SELECT UTC_TIMESTAMP(6)"),
    "mariadb": sa.text("SELECT UTC_TIMESTAMP(6)"),
}


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn the driver's errors into the port's."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict(str(error.orig)) from error
    except DBAPIError as error:
        code = code_of(error.orig)
        if code in RIVALRY:
            raise LostToARival(str(error.orig)) from error
        if error.connection_invalidated or code in NOT_THERE:
            raise Unreachable(str(error.orig)) from error
        raise
    except (OSError, *BARE) as error:
        raise Unreachable(str(error)) from error


def code_of(error: BaseException | None) -> str:
    """PostgreSQL's SQLSTATE, MySQL's number, or SQLite's words."""
    sqlstate = getattr(error, "sqlstate", None)
    return str(sqlstate or (error.args[0] if error is not None and error.args else ""))


class SqlRepository(Generic[T]):
    """See store.port.Repository."""

    def __init__(self, mapping: Mapping, store: SqlStore) -> None:
        self._mapping = mapping
        self._table = mapping.table
        self._store = store

    async def by_id(self, record_id: str) -> T:
        found = await self.get(record_id)
        if found is None:
            raise NotFound(f"{self._table.name}: {record_id}")
        return found

    async def get(self, record_id: str) -> T | None:
        for row in await self._store.rows(self._mapping.by_id, {"id": record_id}):
            found: T = self._mapping.read(row)
            return found
        return None

    async def find(
        self, *where: Where, order_by: str = "created", descending: bool = False, limit: int | None = None
    ) -> list[T]:
        return await self._select(Question(where, order_by, descending, limit))

    async def page(
        self, *where: Where, page: Page, order_by: str = "created", descending: bool = False
    ) -> tuple[list[T], int]:
        if page.size is None:
            rows = await self._select(Question(where, order_by, descending))
            return rows, len(rows)
        before = (page.number - 1) * page.size
        rows = await self._select(Question(where, order_by, descending, page.size, before))
        is_last = 0 < len(rows) < page.size or not (rows or before)
        return rows, before + len(rows) if is_last else await self.count(*where)

    async def count(self, *where: Where) -> int:
        question = Question(where)
        [(count,)] = await self._store.rows(question.counting(self._table), question.values())
        return int(count)

    async def count_by(self, field: str, *where: Where) -> dict[str, int]:
        question = Question(where)
        rows = await self._store.rows(question.counting_by(self._table, field), question.values())
        return {value: int(count) for value, count in rows}

    async def add(self, record: T) -> T:
        await self.add_all([record])
        return record

    async def add_all(self, records: Sequence[T]) -> None:
        if not records:
            return
        rows = [self._mapping.write(record) for record in records]

        async def insert(connection: AsyncConnection) -> None:
            await connection.execute(changing.insert(self._table), rows)

        await self._store.written(insert)

    async def swap(self, old: T, new: T) -> T:
        change = self._change(old, new)
        update, values = changing.update(self._table, change.fields), change.values_of(change.fields)

        async def write(connection: AsyncConnection) -> None:
            done = await connection.execute(update, values)
            if done.rowcount == 0:
                raise Stale(f"{self._table.name}: {values['known_id']} is no longer version {values['known_version']}")

        await self._store.written(write)
        return self._as_written(change)

    async def swap_all(self, changes: Sequence[tuple[T, T]]) -> list[T]:
        """Rows that are locked cannot change: when all are as they were known, all are written in one go."""
        if len(changes) < 2:
            return [await self.swap(old, new) for old, new in changes]
        to_do = [self._change(old, new) for old, new in changes]
        known = {change.id: change.version for change in to_do}
        fields = frozenset[str]().union(*(change.fields for change in to_do))
        rows = [change.values_of(fields) for change in to_do]

        async def write(connection: AsyncConnection) -> None:
            found = await connection.execute(changing.locked(self._table), {"ids": padded(known)})
            there = {row.id: row.version for row in found}
            if there != known:
                changed = sorted(id for id in known if there.get(id) != known[id])
                raise Stale(f"{self._table.name}: {', '.join(changed)} changed")
            await connection.execute(changing.update(self._table, fields), rows)

        await self._store.written(write)
        return [self._as_written(change) for change in to_do]

    def _change(self, old: T, new: T) -> Change:
        before, values = self._mapping.write(old), self._mapping.write(new)
        id, version = before["id"], before["version"]
        values |= {"id": id, "version": version + 1}
        fields = frozenset(
            name for name, value in values.items() if value is not before[name] and value != before[name]
        )
        return Change(id=id, version=version, fields=fields, values=values)

    def _as_written(self, change: Change) -> T:
        record: T = self._mapping.record(**change.values)
        return record

    async def remove(self, record_id: str) -> bool:
        async def delete(connection: AsyncConnection) -> bool:
            done = await connection.execute(sa.delete(self._table).where(self._table.c.id == record_id))
            return done.rowcount > 0

        return await self._store.written(delete)

    async def claim(
        self, *where: Where, owner_id: str, owner_epoch: int, limit: int, order_by: str = "created"
    ) -> list[T]:
        free = Question(where, order_by, limit=limit)
        locking = free.reading(self._table).with_for_update(skip_locked=True)

        async def take(connection: AsyncConnection) -> list[T]:
            rows = (await connection.execute(locking, free.values())).all()
            if not rows:
                return []
            mine = {"owner_id": owner_id, "owner_epoch": owner_epoch, "version": self._table.c.version + 1}
            ids = [row.id for row in rows]
            await connection.execute(sa.update(self._table).where(self._table.c.id.in_(ids)).values(**mine))
            mine_now = Question((Where("id", "in", tuple(ids)),), order_by)
            taken = await connection.execute(mine_now.reading(self._table), mine_now.values())
            return [self._mapping.read(row) for row in taken]

        return await self._store.written(take)

    async def _select(self, question: Question) -> list[T]:
        rows = await self._store.rows(question.reading(self._table), question.values())
        return [self._mapping.read(row) for row in rows]
