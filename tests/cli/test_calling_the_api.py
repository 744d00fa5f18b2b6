"""`mainstay` calls whatever a controller offers, and says clearly what is wrong with what was typed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mainstay_cli.main import main
from tests.kit.api import ApiClient, an_api


async def mainstay(api: ApiClient, *words: str) -> Result:
    """The command, as another process would run it against the API of this one."""
    environment = {
        "MAINSTAY_URL": api.url,
        "MAINSTAY_API_KEY": api.keys.api_key,
        "MAINSTAY_SECRET_KEY": api.keys.secret_key,
    }
    return await asyncio.to_thread(CliRunner().invoke, main, list(words), env=environment)


@pytest.mark.parametrize("words", [["listApis"], ["list", "apis"], ["list-apis"], ["LISTAPIS"]])
async def test_a_command_is_found_however_it_is_written(words: list[str]) -> None:
    async with an_api() as api:
        told = await mainstay(api, *words, "name=listZones", "-o", "json")

    assert told.exit_code == 0, told.output
    assert [row["name"] for row in json.loads(told.output)["api"]] == ["listZones"]


async def test_a_mistyped_command_or_parameter_is_told_with_what_comes_near() -> None:
    async with an_api() as api:
        command = await mainstay(api, "list", "zonez")
        parameter = await mainstay(api, "list", "zones", "nam=x")

    assert command.exit_code == parameter.exit_code == 1
    assert "did you mean listZones" in command.output
    assert "did you mean name" in parameter.output


async def test_a_refusal_is_told_in_the_words_of_the_controller() -> None:
    async with an_api() as api:
        told = await mainstay(api, "list", "zones", "id=4711")

    assert told.exit_code == 1
    assert "Invalid parameter id value=4711" in told.output


async def test_help_of_a_command_tells_its_parameters() -> None:
    async with an_api() as api:
        told = await mainstay(api, "list", "templates", "--help")

    assert "* templatefilter" in told.output


def test_without_a_profile_it_says_where_to_write_one(tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["list", "zones"], env={"XDG_CONFIG_HOME": str(tmp_path), "MAINSTAY_URL": ""})

    assert told.exit_code == 1
    assert f"write it to {tmp_path}/mainstay/profiles.ini" in told.output


def test_a_controller_that_is_away_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "mainstay").mkdir()
    (tmp_path / "mainstay" / "profiles.ini").write_text("[default]\nurl=http://127.0.0.1:9\napikey=a\nsecretkey=s\n")

    told = CliRunner().invoke(main, ["list", "zones"], env={"XDG_CONFIG_HOME": str(tmp_path), "MAINSTAY_URL": ""})

    assert told.exit_code == 1
    assert told.output.startswith("Error: no answer from http://127.0.0.1:9/client/api")
