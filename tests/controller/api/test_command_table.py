"""The table of commands is whole: what it promises in listApis, every command keeps."""

from __future__ import annotations

import pytest

from mainstay_controller.api.answers import fields_of
from mainstay_controller.api.commands import ALL
from mainstay_controller.api.registry import AnswerKind, Command
from tests.kit.api import an_api

EVERY = sorted(ALL, key=lambda command: command.name)


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name)
def test_a_command_says_what_it_is_for_and_what_it_takes(command: Command) -> None:
    assert command.description.endswith(".")
    assert command.roles
    for parameter in command.parameters:
        assert parameter.description, parameter.name


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name)
def test_what_a_command_shows_has_each_name_once(command: Command) -> None:
    names = [field.name for field in fields_of(command.view)] if command.view else []

    assert len(names) == len(set(names))


async def test_every_list_of_an_empty_cloud_is_an_empty_object() -> None:
    async with an_api() as api:
        for command in EVERY:
            if command.kind is not AnswerKind.LIST or any(each.required for each in command.parameters):
                continue
            answer = await api.call(command.name)

            assert answer.status == 200, answer.text
            assert answer.body == {} or answer.body["count"] > 0
