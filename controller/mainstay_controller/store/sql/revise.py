"""Writes the migration from the newest schema to the records as they are now: `python -m mainstay_controller.store.sql.revise WHY`.

What it writes is read and, where data must move, completed by hand before it is committed; expand first, contract a release later,
so that controllers of two neighbouring versions can share a database."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from mainstay_controller.store.sql.engine import MIGRATIONS, upgrade


def revise(why: str) -> Path:
    number = f"{len(list((MIGRATIONS / 'versions').glob('*.py'))) + 1:04d}"
    with (
        TemporaryDirectory() as directory,
        sa.create_engine(f"sqlite:///{directory}/schema.db").connect() as connection,
    ):
        upgrade(connection)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        script = command.revision(config, message=why, autogenerate=True, rev_id=number)
    assert script is not None
    assert not isinstance(script, list)
    return Path(script.path)


if __name__ == "__main__":
    sys.stdout.write(f"{revise(' '.join(sys.argv[1:]) or 'change')}\n")
