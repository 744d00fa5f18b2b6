"""The migrations bring an empty database to what the records say, no more and no less."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from mainstay_controller.store.sql.engine import upgrade
from mainstay_controller.store.sql.tables import METADATA


def test_the_newest_schema_is_what_the_records_say(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/schema.db")

    with engine.connect() as connection:
        upgrade(connection)
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)

    engine.dispose()
    assert differences == []
