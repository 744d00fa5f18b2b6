"""Opens a database: the engine with its settings, and the schema brought up to date.

The URL says which: sqlite+aiosqlite:///file, postgresql+asyncpg://..., mysql+asyncmy://..."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from mainstay_controller.store.sql.file_reader import FileReader
from mainstay_controller.store.sql.store import SqlStore

MIGRATIONS = Path(__file__).parent.parent / "migrations"
BUSY_TIMEOUT_MS = 10_000
STATEMENT_TIMEOUT_SECONDS = 20
POOL_SIZE = 10
SERVER_POOL_SIZE = 20
"""All of them are kept: in a storm one that is closed when it is given back is dialled again at once, and prepares its statements anew."""


async def open_store(url: str) -> SqlStore:
    """Connect, migrate to the newest schema, and return the store."""
    engine = make_engine(url)
    await migrate(engine)
    return SqlStore(engine, file_reader=make_file_reader(url))


def make_engine(url: str) -> AsyncEngine:
    dialect = sa.make_url(url).get_backend_name()
    engine = create_async_engine(url, **OPTIONS[dialect])
    if dialect == "sqlite":
        sa.event.listen(engine.sync_engine, "connect", prepare_sqlite)
        sa.event.listen(engine.sync_engine, "begin", begin_immediate)
        sa.event.listen(engine.sync_engine, "invalidate", give_back_the_lock)
    return engine


def make_file_reader(url: str) -> FileReader | None:
    """For SQLite; None: servers are read through their own drivers."""
    if sa.make_url(url).get_backend_name() != "sqlite":
        return None
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="sqlite"),
        **OPTIONS["sqlite"],
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_reset_on_return=None,
    )
    sa.event.listen(engine, "connect", prepare_sqlite)
    return FileReader(engine, threads=POOL_SIZE)


# No ping before each use of a connection: it would double the round trips.  One that is lost says so at its BEGIN, and all are made anew.
OPTIONS: dict[str, dict[str, Any]] = {
    "sqlite": {"pool_size": POOL_SIZE, "max_overflow": 0},
    "postgresql": {
        "pool_size": SERVER_POOL_SIZE,
        "max_overflow": 0,
        "connect_args": {"timeout": STATEMENT_TIMEOUT_SECONDS, "command_timeout": STATEMENT_TIMEOUT_SECONDS},
    },
    "mysql": {
        "pool_size": SERVER_POOL_SIZE,
        "max_overflow": 0,
        "pool_recycle": 3600,
        "isolation_level": "READ COMMITTED",
        "connect_args": {"connect_timeout": STATEMENT_TIMEOUT_SECONDS},
    },
}


def prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin_immediate(connection: sa.Connection) -> None:
    """Take the write lock at once: a reader that turns writer could find its snapshot stale and fail."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def give_back_the_lock(connection: Any, _record: Any, _error: BaseException | None) -> None:
    """A connection whose user was cancelled in the middle of a word is closed with that word half read, and SQLite keeps such a one open,
    its write lock with it, until Python collects the cursor."""
    connection.rollback()


async def migrate(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(upgrade)
        await connection.commit()


def upgrade(connection: sa.Connection, to: str = "head") -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
