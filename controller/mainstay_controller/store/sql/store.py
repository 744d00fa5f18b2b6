"""The store on a SQL database: see store.port for what it promises.

SQLite writes are taken one at a time in the process (WAL lets readers go on) and are synced before they count, since an epoch
raised must survive a power loss.  Engines that lose a transaction to a rival (deadlock, certification) say Stale: nothing was written."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from asyncpg import InterfaceError, InternalClientError, PostgresError
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mainstay_controller.store.port import Conflict, NotFound, OutcomeUnknown, Page, Stale, Unreachable, Where
from mainstay_controller.store.sql.tables import MAPPINGS, Mapping

T = TypeVar("T")
NOT_THERE = ("57P01", "57P02", "57P03", "2003", "2006", "2013", "1053", "WSREP has not yet prepared")
BARE = (PostgresError, InterfaceError, InternalClientError)
"""What asyncpg raises past SQLAlchemy while it dials, or when a connection ends in the middle of a word."""
LOST_TO_A_RIVAL = ("1205", "1213", "1020", "40001", "40P01", "deadlock", "serialize", "database is locked")


class SqlStore:
    """All repositories on one engine; made by `store.sql.engine.open_store`."""

    def __init__(self, engine: AsyncEngine, connection: AsyncConnection | None = None) -> None:
        self.engine = engine
        self._connection = connection
        self._writer = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlStore]:
        if self._connection is not None:
            raise RuntimeError("transactions do not nest")
        async with self._alone():
            connection = await self._begin()
            try:
                yield SqlStore(self.engine, connection)
                await commit(connection)
            finally:
                await asyncio.shield(let_go(connection))

    async def _begin(self) -> AsyncConnection:
        with told_plainly():
            connection = await self.engine.connect()
            await connection.begin()
            return connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        if self._connection is not None:
            with told_plainly():
                yield self._connection
            return
        with told_plainly():
            async with self.engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        if self._connection is not None:
            with told_plainly():
                yield self._connection
            return
        async with self.transaction() as inner:
            async with inner.writing() as connection:
                yield connection

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        if self._writer is None:
            yield
            return
        async with self._writer:
            yield

    async def now(self) -> datetime:
        async with self.reading() as connection:
            moment = (await connection.execute(NOW[self.engine.dialect.name])).scalar_one()
        return (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).replace(tzinfo=UTC)

    async def close(self) -> None:
        await self.engine.dispose()

    def __getattr__(self, name: str) -> Any:
        """A repository, made when it is first asked for: a transaction needs few of them."""
        if name not in MAPPINGS:
            raise AttributeError(name)
        repository: SqlRepository[Any] = SqlRepository(MAPPINGS[name], self)
        setattr(self, name, repository)
        return repository


async def let_go(connection: AsyncConnection) -> None:
    """Rolls back what was not committed; on a connection that is lost the server has done so."""
    try:
        with told_plainly():
            await connection.close()
    except Unreachable:
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
        text = f"{getattr(error.orig, 'sqlstate', '')} {error.orig}"
        if any(sign in text for sign in LOST_TO_A_RIVAL):
            raise Stale(text) from error
        if error.connection_invalidated or any(sign in text for sign in NOT_THERE):
            raise Unreachable(text) from error
        raise
    except (OSError, *BARE) as error:
        raise Unreachable(str(error)) from error


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
        rows = await self._select(sa.select(self._table).where(self._table.c.id == record_id))
        return rows[0] if rows else None

    async def find(
        self, *where: Where, order_by: str = "created", descending: bool = False, limit: int | None = None
    ) -> list[T]:
        return await self._select(self._query(where, order_by, descending).limit(limit))

    async def page(
        self, *where: Where, page: Page, order_by: str = "created", descending: bool = False
    ) -> tuple[list[T], int]:
        query = self._query(where, order_by, descending)
        if page.size is None:
            rows = await self._select(query)
            return rows, len(rows)
        rows = await self._select(query.limit(page.size).offset((page.number - 1) * page.size))
        return rows, await self.count(*where)

    async def count(self, *where: Where) -> int:
        query = sa.select(sa.func.count()).select_from(self._table).where(*self._conditions(where))
        async with self._store.reading() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def add(self, record: T) -> T:
        await self.add_all([record])
        return record

    async def add_all(self, records: Sequence[T]) -> None:
        if not records:
            return
        async with self._store.writing() as connection:
            await connection.execute(sa.insert(self._table), [self._mapping.write(record) for record in records])

    async def swap(self, old: T, new: T) -> T:
        before, values = self._mapping.write(old), self._mapping.write(new)
        values |= {"id": before["id"], "version": before["version"] + 1}
        known = {"known_id": before["id"], "known_version": before["version"]}
        async with self._store.writing() as connection:
            done = await connection.execute(self._mapping.update, values | known)
            if done.rowcount == 0:
                raise Stale(f"{self._table.name}: {before['id']} is no longer version {before['version']}")
        written: T = self._mapping.record(**values)
        return written

    async def remove(self, record_id: str) -> bool:
        async with self._store.writing() as connection:
            done = await connection.execute(sa.delete(self._table).where(self._table.c.id == record_id))
            return done.rowcount > 0

    async def claim(
        self, *where: Where, owner_id: str, owner_epoch: int, limit: int, order_by: str = "created"
    ) -> list[T]:
        free = self._query(where, order_by, False).limit(limit).with_for_update(skip_locked=True)
        async with self._store.writing() as connection:
            rows = (await connection.execute(free)).all()
            if not rows:
                return []
            mine = {"owner_id": owner_id, "owner_epoch": owner_epoch, "version": self._table.c.version + 1}
            ids = [row.id for row in rows]
            await connection.execute(sa.update(self._table).where(self._table.c.id.in_(ids)).values(**mine))
            taken = await connection.execute(self._query((Where("id", "in", tuple(ids)),), order_by, False))
            return [self._mapping.read(row) for row in taken]

    async def _select(self, query: sa.Select[Any]) -> list[T]:
        async with self._store.reading() as connection:
            return [self._mapping.read(row) for row in await connection.execute(query)]

    def _query(self, where: Sequence[Where], order_by: str, descending: bool) -> sa.Select[Any]:
        keys = (self._table.c[order_by], self._table.c.id)
        order = [key.desc() if descending else key.asc() for key in keys]
        return sa.select(self._table).where(*self._conditions(where)).order_by(*order)

    def _conditions(self, where: Sequence[Where]) -> list[sa.ColumnElement[bool]]:
        return [self._condition(condition) for condition in where]

    def _condition(self, condition: Where) -> sa.ColumnElement[bool]:
        if condition.op == "contains_any_case":
            names = condition.field.split(",")
            keyword = str(condition.value).lower()
            return sa.or_(*(sa.func.lower(self._table.c[name]).contains(keyword, autoescape=True) for name in names))
        return CONDITIONS[condition.op](self._table.c[condition.field], condition.value)


CONDITIONS: dict[str, Callable[[sa.Column[Any], Any], sa.ColumnElement[bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "in": lambda column, values: column.in_(values),
    "not_in": lambda column, values: column.not_in(values),
    "null": lambda column, _: column.is_(None),
    "not_null": lambda column, _: column.is_not(None),
}
