"""Every command of the table says who may call it, and every id in it whose thing it is: nothing is decided by omission."""

from __future__ import annotations

import pytest

from mainstay_controller.api.commands import ALL
from mainstay_controller.api.parameters import NothingHas
from mainstay_controller.api.registry import Command, Entry, Handled
from mainstay_controller.domain.roles import Role
from tests.controller.api.test_people import a_domain, a_member
from tests.kit.api import an_api

READS = ("list", "get", "query", "find", "explain", "ready", "cloudianIsEnabled")
UNOWNED = {
    "managementserverid": "filters rows; a controller that is gone is a good answer",
    "ostypeid": "names a word of a fixed list",
    "oscategoryid": "names a word of a fixed list",
    "projectid": "looked up and judged by access.visible or owner_named; -1 has a meaning of its own",
    "startid": "filters rows that are scoped already",
    "resourceid": "filters rows that are scoped already",
    "resourceids": "of any kind: each is judged where its kind is known, in operations.resource_tags",
    "deviceid": "a number of a slot",
    "nicid": "of a virtual machine that is a reference",
}
"""Parameters that end in `id` and are no reference of the gate, and why that is right."""
NO_THINGS = {
    "listResourceLimits",
    "listHypervisorCapabilities",
    "listOsTypes",
    "listOsCategories",
    "listSnapshots",
    "listVMSnapshot",
    "listLdapConfigurations",
}
"""Their `id` is of a fixed list, or of things that are not made."""


def is_reading(command: Command) -> bool:
    return command.name.startswith(READS)


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.name)
def test_a_command_names_its_roles_and_the_root_administrator_is_among_them(command: Command) -> None:
    assert command.roles <= frozenset(Role)
    assert Role.ROOT_ADMIN in command.roles


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.name)
def test_who_only_reads_is_offered_only_what_reads(command: Command) -> None:
    if Role.READ_ONLY_ADMIN in command.roles and isinstance(command, Handled):
        assert is_reading(command)


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.name)
def test_an_id_is_judged_at_the_gate_or_known_not_to_need_it(command: Command) -> None:
    ids = {parameter.name for parameter in command.parameters if parameter.name.endswith(("id", "ids"))}
    judged = {
        parameter.name
        for parameter in command.parameters
        if parameter.reference or isinstance(parameter.filter, NothingHas)
    }

    assert ids - judged - UNOWNED.keys() <= ({"id"} if command.name in NO_THINGS else set())


@pytest.mark.parametrize("kind", [0, 2, 4], ids=["user", "domain administrator", "read-only administrator"])
async def test_whoever_is_not_named_is_refused_before_anything_is_looked_at(kind: int) -> None:
    async with an_api() as api:
        where = (await api.call("listDomains")).body["domain"][0]["id"] if kind == 4 else await a_domain(api, "sales")
        member = await a_member(api, "ann", where, kind)
        role = {0: Role.USER, 2: Role.DOMAIN_ADMIN, 4: Role.READ_ONLY_ADMIN}[kind]
        forbidden = [command for command in ALL if role not in command.roles and not isinstance(command, Entry)]

        answers = {command.name: (await member.api.post(command.name)).status for command in forbidden}
        offered = {each["name"] for each in (await member.api.call("listApis")).body["api"]}

    assert len(forbidden) > 50
    assert {name for name, status in answers.items() if status != 401} == set()
    assert offered.isdisjoint(answers)
