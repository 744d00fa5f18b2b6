"""A log line is a sentence with facts, in the form of the process's choice."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from mainstay_runtime.logs import LogFormat, configure, logger


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_people_read_key_and_value(capsys: pytest.CaptureFixture[str]) -> None:
    configure()

    logger("mainstay_agent.link").info("session opened", controller="a:8250")

    line = capsys.readouterr().err
    assert "event='session opened'" in line
    assert "controller='a:8250'" in line
    assert "room='agent.link'" in line


def test_machines_read_json_also_from_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.JSON)

    logging.getLogger("asyncio").warning("slow %s", "callback")

    entry = json.loads(capsys.readouterr().err)
    assert (entry["event"], entry["level"]) == ("slow callback", "warning")


def test_a_traceback_stays_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.JSON)

    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logger("mainstay_agent").exception("a duty failed")

    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="WARNING")

    logger("mainstay_agent").info("nobody needs to know")

    assert capsys.readouterr().err == ""
