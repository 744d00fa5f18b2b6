"""The database that all controllers share, with its faults: away, slow, a commit whose acknowledgement is lost.

A transaction works on a copy of the tables it touches; at its commit it is Stale if a row that it writes was written by another meanwhile.
So two that only read the same rows may both commit, as under READ COMMITTED and REPEATABLE READ; code that needs more must say so in rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from mainstay_controller.store.aggregates import AGGREGATES
from mainstay_controller.store.port import Conflict, OutcomeUnknown, Stale, Unreachable
from tests.kit.memory_store import MemoryStore, Rows
from tests.kit.simulation.clocks import MachineClock, pause
from tests.kit.simulation.loop import is_of_the_living

ANSWER_SECONDS = 3.0  # a client gives up a server that does not answer
WAIT_CHANCE = 0.1  # that a call takes so long that others come in between
WAIT_SECONDS = 0.02


@dataclass(slots=True)
class Trouble:
    """Of the server, or of one client's way to it."""

    away: bool = False
    latency_seconds: float = 0.0
    lost_acknowledgements: float = 0.0  # chance that a commit happens and nobody is told
    fatal_call: int = 0  # the so-manieth call from now is its client's last; 0: none is
    die: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Database:
    """`on_commit` is called after every change that others can see."""

    chance: Random
    clock: MachineClock
    rows: Rows = field(default_factory=Rows)
    trouble: Trouble = field(default_factory=Trouble)
    on_commit: Callable[[], None] = lambda: None


class SimulatedStore(MemoryStore):
    """One client's view.  `way` is the trouble that it alone has."""

    def __init__(self, database: Database, way: Trouble, rows: Rows | None = None) -> None:
        super().__init__(database.clock, rows or database.rows)
        self._database = database
        self._troubles = (database.trouble, way)

    async def touch(self, what: str) -> None:
        if not is_of_the_living():
            raise Unreachable("this process is dead")
        chance, seconds, is_away = self._database.chance, 0.0, False
        for trouble in self._troubles:
            if trouble.fatal_call:
                self._come_closer_to_death(trouble)
            if trouble.latency_seconds:
                seconds += chance.uniform(0, trouble.latency_seconds)
            is_away = is_away or trouble.away
        if is_away:
            await pause(ANSWER_SECONDS)
            raise Unreachable("the database does not answer")
        if seconds or chance.random() < WAIT_CHANCE:
            await pause(seconds or chance.uniform(0, WAIT_SECONDS))

    def _come_closer_to_death(self, trouble: Trouble) -> None:
        trouble.fatal_call -= 1
        if not trouble.fatal_call:
            trouble.die()
            raise Unreachable("this process is dead")

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        yield
        if not self._in_transaction:
            self._database.on_commit()
            self._acknowledge()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SimulatedStore]:
        draft = Draft(self.rows)
        inner = SimulatedStore(self._database, self._troubles[1], draft)
        inner._in_transaction = True
        yield inner
        await self.touch("commit")
        if draft.commit():
            self._database.on_commit()
            self._acknowledge()

    def _acknowledge(self) -> None:
        lost = max(trouble.lost_acknowledgements for trouble in self._troubles)
        if lost and self._database.chance.random() < lost:
            raise OutcomeUnknown("the connection broke while committing")


class Draft(Rows):
    """The tables as one transaction sees and changes them."""

    def __init__(self, base: Rows) -> None:
        self._base = base
        self._first: dict[str, dict[str, Any]] = {}
        self.tables = Copies(self._copied)

    def _copied(self, name: str) -> dict[str, Any]:
        self._first[name] = dict(self._base.tables[name])
        return dict(self._first[name])

    def commit(self) -> bool:
        """False: there was nothing to commit.  Raises Stale, or Conflict for what may be there only once."""
        changes = list(self._changes())
        for name, record_id, _ in changes:
            if self._base.tables[name].get(record_id) is not self._first[name].get(record_id):
                raise Stale(f"{name}: {record_id} was written by another transaction")
        self._refuse_twins(changes)
        for name, record_id, record in changes:
            if record is None:
                del self._base.tables[name][record_id]
            else:
                self._base.tables[name][record_id] = record
        return bool(changes)

    def _changes(self) -> Iterator[tuple[str, str, Any]]:
        for name, table in self.tables.items():
            first = self._first[name]
            for record_id in dict.fromkeys((*first, *table)):
                if table.get(record_id) is not first.get(record_id):
                    yield name, record_id, table.get(record_id)

    def _refuse_twins(self, changes: Iterable[tuple[str, str, Any]]) -> None:
        for name, record_id, record in changes:
            for fields in AGGREGATES[name].unique:
                wanted = record and tuple(getattr(record, each) for each in fields)
                if (
                    wanted
                    and None not in wanted
                    and any(
                        tuple(getattr(other, each) for each in fields) == wanted
                        for other in self._base.tables[name].values()
                        if other.id != record_id
                    )
                ):
                    raise Conflict(f"{name}: {', '.join(fields)} {wanted} is taken")


class Copies(dict[str, dict[str, Any]]):
    """Each table is copied when it is first looked at."""

    def __init__(self, copied: Callable[[str], dict[str, Any]]) -> None:
        super().__init__()
        self._copied = copied

    def __missing__(self, name: str) -> dict[str, Any]:
        self[name] = self._copied(name)
        return self[name]
