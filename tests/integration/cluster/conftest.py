"""A PostgreSQL for all stories about several controllers; each story has a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit import databases
from tests.kit.needs import needs


@pytest.fixture(scope="session")
def postgresql() -> Iterator[databases.Server]:
    needs("/usr/lib/postgresql")
    with databases.postgresql() as server:
        yield server


@pytest.fixture
def database(postgresql: databases.Server, request: pytest.FixtureRequest) -> str:
    name = request.node.name
    postgresql.add_database(name)
    return f"{postgresql.url.rpartition('/')[0]}/{name}"
