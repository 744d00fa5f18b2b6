"""Each folder here is a story of a whole cloud: it must be told as its expected.log says, and break no promise on the way.

They are played together in a process of their own, since a run repeats only where strings hash alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

STORIES = sorted(file.parent.name for file in Path(__file__).parent.glob("*/script.txt"))
FILES = ("README.md", "cloud.yaml", "script.txt", "expected.log")
HASH_SEED = "0"


def scenario(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.kit.scenario", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": HASH_SEED},
    )


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest) -> dict[str, str]:
    """Of the stories that this session asks for."""
    asked = {
        item.callspec.params.get("story")
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    }
    played = scenario("--check", "--json", *(story for story in STORIES if story in asked))
    assert played.stdout, played.stderr
    return cast(dict[str, str], json.loads(played.stdout))


@pytest.mark.parametrize("story", STORIES)
def test_it_is_told_as_expected(story: str, verdicts: dict[str, str]) -> None:
    assert verdicts[story] == "", f"\n{verdicts[story]}"


@pytest.mark.parametrize("folder", STORIES)
def test_it_is_complete(folder: str) -> None:
    missing = [name for name in FILES if not (Path(__file__).parent / folder / name).is_file()]

    assert missing == []


def test_a_story_is_told_alike_every_time() -> None:
    first = scenario("dead-host")

    again = scenario("dead-host")

    assert "h1" in first.stdout
    assert again.stdout == first.stdout
