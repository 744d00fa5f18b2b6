"""Whatever is sent with a command, the answer is an answer: never an internal error, never a thing half made, always the name of the bad field.

"Half made" is judged by every row of the database, before and after a call that was refused.

Each example begins with the same small cloud, so that ids can name things that are there."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import orjson
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mainstay_controller.api.commands import ALL
from mainstay_controller.api.dispatch import Dispatcher
from mainstay_controller.api.identify import by_trust
from mainstay_controller.api.parameters import Parameter, Shape
from mainstay_controller.api.registry import Command
from mainstay_controller.api.untrusted import UntrustedCall
from mainstay_controller.domain.records import Account, DomainRecord
from mainstay_controller.domain.states import JobState
from mainstay_controller.operations.beginning.first_admin import create_first_admin
from mainstay_runtime.clock import SystemClock
from tests.kit.api import hashed_cheaply
from tests.kit.memory_store import MemoryStore
from tests.kit.small_cloud import ANN, DOMAIN, a_controller, a_site
from tests.kit.virtual_time import BEGINNING
from tests.kit.wishes import deploy

EVERY = sorted(ALL, key=lambda command: command.name)
EXAMPLES = 15
ANSWERS = {200, 401, 429, 430, 431, 432, 503, *range(531, 538)}
"""All that CloudStack knows but 530, which is for what nobody foresaw."""
UNCOUNTED = {"call_windows"}
"""Calls are counted whether they are refused or not."""

pytestmark = pytest.mark.asyncio(loop_scope="module")
Tables = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Ground:
    """A small cloud that can be put back as it was."""

    dispatcher: Dispatcher
    store: MemoryStore
    tables: Tables
    kept: dict[str, Any]

    def put_back(self) -> None:
        for name, value in self.kept.items():
            setattr(self.dispatcher.cloud, name, value)
        self.store.rows.tables = {name: dict(rows) for name, rows in self.tables.items()}

    def rows(self) -> Tables:
        """All that is kept; records are frozen, so that each is its own picture."""
        return {name: dict(rows) for name, rows in self.store.rows.tables.items() if name not in UNCOUNTED and rows}

    def ids_of(self, repository: str) -> list[str]:
        return sorted(self.tables[repository])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground() -> Ground:
    """Two hosts with a VM that runs and one that does not."""
    here = await a_controller(await a_site(hosts=2, clock=SystemClock()))
    await create_first_admin(here.cloud, hashed_cheaply)
    domain = DomainRecord(id=DOMAIN, name="people", path="/people", created=BEGINNING)
    await here.cloud.store.domains.add(domain)
    await here.cloud.store.accounts.add(
        Account(id=ANN.account_id, name="ann", domain_id=domain.id, created=domain.created)
    )
    running, stopped = await here.run(await deploy(here, name="vm1")), await deploy(here, name="vm2", start=False)
    await here.run(stopped)
    assert running.state is JobState.SUCCEEDED
    dispatcher = Dispatcher(registry=ALL, cloud=here.cloud, identify=by_trust)
    store: MemoryStore = here.cloud.store  # type: ignore[assignment]
    tables = {name: dict(rows) for name, rows in store.rows.tables.items()}
    kept = {each.name: getattr(here.cloud, each.name) for each in fields(here.cloud)}
    return Ground(dispatcher, store, tables, kept)


ODD = st.sampled_from(
    ["", " ", "0", "-1", "1", "99999999999999999999", "true", "nan", "inf", "1e400", "<b>x</b>", "null"]
)
ODDER = st.text(max_size=40) | st.text(st.characters(codec="utf-8"), min_size=250, max_size=300)
WORDS: dict[str, st.SearchStrategy[str]] = {
    "boolean": st.sampled_from(["true", "false", "TRUE"]),
    "integer": st.integers(-(2**70), 2**70).map(str) | st.integers(0, 600).map(str),
    "float": st.floats().map(str) | st.floats(0, 10).map(str),
    "date": st.dates().map(str) | st.datetimes().map(str),
    "uuid": st.uuids().map(str),
}
PLAUSIBLE = st.sampled_from(
    ["a", "name", "Enabled", "10.0.0.1", "255.255.255.0", "10.0.0.0/24", "sim:///pools/a", "file:///a.qcow2", "KVM"]
)


def values_of(parameter: Parameter, ground: Ground) -> st.SearchStrategy[str]:
    """Mostly what could be meant, sometimes anything."""
    likely = WORDS.get(parameter.word, PLAUSIBLE | st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True))
    if parameter.choices:
        likely = st.sampled_from([str(choice) for choice in parameter.choices])
    if parameter.reference and (known := ground.ids_of(parameter.reference)):
        likely = st.sampled_from(known) | likely
    return likely | likely | ODD | ODDER


def calls_of(command: Command, ground: Ground) -> st.SearchStrategy[dict[str, str]]:
    wanted: dict[str, st.SearchStrategy[str]] = {}
    free: dict[str, st.SearchStrategy[str]] = {}
    for parameter in command.parameters:
        name = parameter.name
        if parameter.shape in (Shape.MAP, Shape.MAPS):
            name += "[0].key"
        (wanted if parameter.required else free)[name] = values_of(parameter, ground)
    whole = st.fixed_dictionaries(wanted, optional=free)
    return whole | whole | st.fixed_dictionaries({}, optional={**wanted, **free})


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name)
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_every_call_is_answered_whole_or_not_at_all(
    command: Command, ground: Ground, data: st.DataObject
) -> None:
    parameters = data.draw(calls_of(command, ground))
    ground.put_back()
    before = ground.rows()

    asked = UntrustedCall(parameters={"command": command.name, "response": "json", **parameters})
    answer = await ground.dispatcher.answer(asked)

    ((_, body),) = orjson.loads(answer.body).items()
    assert answer.status in ANSWERS, body
    if answer.status != 200:
        assert ground.rows() == before, body
    if answer.status == 431:
        assert any(parameter.name in body["errortext"] for parameter in command.parameters), body["errortext"]
