"""The migrations bring an empty database to what the records say, no more and no less."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncConnection

from mainstay_controller.store.sql.engine import MIGRATIONS, make_engine, migrate, upgrade
from mainstay_controller.store.sql.tables import METADATA


def revisions() -> list[str]:
    """Oldest first."""
    return sorted(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def test_the_newest_schema_is_what_the_records_say(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/schema.db")

    with engine.connect() as connection:
        upgrade(connection)
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)

    engine.dispose()
    assert differences == []


@pytest.mark.parametrize("revision", revisions()[1:])
def test_the_statements_of_the_release_before_still_work(revision: str, tmp_path: Path) -> None:
    """Expand, and contract a release later: no table and no column goes, and what is new need not be said."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/schema.db")
    before, after = sa.MetaData(), sa.MetaData()

    with engine.connect() as connection:
        upgrade(connection, revisions()[revisions().index(revision) - 1])
        before.reflect(connection)
        upgrade(connection, revision)
        after.reflect(connection)

    engine.dispose()
    for name, table in before.tables.items():
        assert set(table.columns.keys()) <= set(after.tables[name].columns.keys()), name
        added = [column for column in after.tables[name].columns if column.name not in table.columns]
        unsaid = [column.name for column in added if not column.nullable and column.server_default is None]
        assert unsaid == [], name


@pytest.mark.parametrize("server", ["postgresql", "mariadb", None])
@pytest.mark.parametrize("release", [revisions()[0], revisions()[-2]])
async def test_what_the_release_before_wrote_stays_and_it_may_go_on_writing(
    server: str | None, release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    engine = make_engine(
        request.getfixturevalue(server).url if server else f"sqlite+aiosqlite:///{tmp_path}/mainstay.db"
    )
    async with engine.begin() as connection:
        await connection.run_sync(drop_everything)
        await connection.run_sync(partial(upgrade, to=release))
        known = await connection.run_sync(tables_of)
        await fill(connection, known, "before")

    await migrate(engine)

    async with engine.begin() as connection:
        await fill(connection, known, "after")
        for table in known.sorted_tables:
            await connection.execute(sa.update(table).values(version=7))
            rows = (await connection.execute(sa.select(table).order_by(table.c.id.desc()))).mappings().all()
            assert [dict(row) for row in rows] == [a_row(table, when) | {"version": 7} for when in ("before", "after")]
        there = await connection.run_sync(lambda sync: set(sa.inspect(sync).get_table_names()))
    await engine.dispose()
    assert set(METADATA.tables) <= there


def test_a_guest_from_before_0007_has_the_key_that_it_was_made_with(tmp_path: Path) -> None:
    """Of a pair that is younger than the guest nobody knows whether it is the same."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/schema.db")

    with engine.connect() as connection:
        upgrade(connection, "0007")
        known = tables_of(connection)
        pairs, vms = known.tables["key_pairs"], known.tables["vms"]
        for name, created in (("old", NOON), ("young", NOON.replace(hour=13))):
            pair = a_row(pairs, name) | {"account_id": "ann", "public_key": f"key of {name}", "created": created}
            connection.execute(sa.insert(pairs), pair)
            vm = a_row(vms, name) | {"account_id": "ann", "key_pair": name, "public_key": None, "created": NOON}
            connection.execute(sa.insert(vms), vm)
        upgrade(connection, "0008")
        told = dict(connection.execute(sa.select(vms.c.id, vms.c.public_key)).tuples().all())

    engine.dispose()
    assert told == {"old": "key of old", "young": None}


def tables_of(connection: sa.Connection) -> sa.MetaData:
    """As they are in the database."""
    there = sa.MetaData()
    there.reflect(connection)
    there.remove(there.tables["alembic_version"])
    return there


async def fill(connection: AsyncConnection, known: sa.MetaData, when: str) -> None:
    for table in known.sorted_tables:
        await connection.execute(sa.insert(table), a_row(table, when))


def a_row(table: sa.Table, when: str) -> dict[str, object]:
    """Something in every column."""
    return {column.name: VALUES[column.type.python_type](when) for column in table.columns}


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).replace(tzinfo=None)  # as the columns keep it
VALUES: dict[type, Callable[[str], object]] = {
    str: lambda when: when,
    int: lambda _when: 1,
    bool: lambda _when: True,
    float: lambda _when: 0.5,
    Decimal: lambda _when: Decimal("0.5"),
    datetime: lambda _when: NOON,
}


def drop_everything(connection: sa.Connection) -> None:
    there = sa.MetaData()
    there.reflect(connection)
    there.drop_all(connection)
