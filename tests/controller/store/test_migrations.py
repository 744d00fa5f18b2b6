"""The migrations bring an empty database to what the records say, no more and no less."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from mainstay_controller.store.sql.engine import MIGRATIONS, make_engine, migrate, upgrade
from mainstay_controller.store.sql.tables import METADATA
from tests.kit import databases


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


@pytest.mark.parametrize("engine_of", ["postgresql", "mariadb"])
async def test_a_database_of_the_release_before_is_brought_up(engine_of: str, request: pytest.FixtureRequest) -> None:
    server: databases.Server = request.getfixturevalue(engine_of)
    engine = make_engine(server.url)
    async with engine.begin() as connection:
        await connection.run_sync(drop_everything)
        await connection.run_sync(partial(upgrade, to=revisions()[-2]))

    await migrate(engine)

    async with engine.connect() as connection:
        there = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
    await engine.dispose()
    assert set(METADATA.tables) <= set(there)


def drop_everything(connection: sa.Connection) -> None:
    there = sa.MetaData()
    there.reflect(connection)
    there.drop_all(connection)
