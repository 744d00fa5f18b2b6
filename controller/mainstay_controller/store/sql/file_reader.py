"""Read a SQLite file outside transactions: each read as a whole in a thread.

An asynchronous driver hands a read's words to its thread one by one - cursor, query, rows, close - and each switch of threads costs more than a
short read does.  Here it is one switch.  A caller who is cancelled leaves his read to end by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

Values = Mapping[str, object] | None
"""Of a query that was built beforehand."""


class FileReader:
    """`engine`: its connections stay in autocommit."""

    def __init__(self, engine: sa.Engine, threads: int) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="read")

    async def rows(self, query: sa.Executable, values: Values) -> Sequence[sa.Row[Any]]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, query, values)

    def _read(self, query: sa.Executable, values: Values) -> Sequence[sa.Row[Any]]:
        with self._engine.connect() as connection:
            return connection.execute(query, values).all()

    def close(self) -> None:
        """Reads under way end by themselves."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()
