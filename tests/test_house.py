"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("proto", "runtime", "controller", "agent", "systemvm", "cli")
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc", "constants", "core", "base"}
TO_THREAD_ALLOWED = re.compile(
    r"agent/mainstay_agent/(drivers/\w+/connection|leased(/\w+)?|lease/\w+)\.py$"
    r"|controller/.*/operations/(tenancy/passwords|storage/image_files)\.py$"
)
LINES_MAX = 600
VOCABULARIES = {
    "proto/mainstay_proto/messages.py",
    "controller/mainstay_controller/domain/records.py",
    "controller/mainstay_controller/operations/settings.py",
}
"""One long table each: a reader looks a word up there, and does not read it through."""
GENERATED = re.compile(r"_pb2(_grpc)?\.pyi?$|migrations/versions/")


@cache
def tracked() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(name for name in listed.stdout.splitlines() if (ROOT / name).is_file())


def sources(*suffixes: str) -> Iterator[tuple[str, str]]:
    for name in tracked():
        if name.endswith(suffixes) and not GENERATED.search(name):
            yield name, (ROOT / name).read_text()


def shipped() -> Iterator[tuple[str, ast.Module]]:
    for name, text in sources(".py"):
        if name.startswith(ROOMS):
            yield name, ast.parse(text)


def test_every_module_says_what_it_is_for() -> None:
    silent = [name for name, tree in shipped() if tree.body and not ast.get_docstring(tree)]

    assert silent == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [name for name in tracked() if name.startswith(ROOMS) and Path(name).stem in VAGUE_NAMES]

    assert vague == []


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    long = {name: lines for name, text in sources(".py") if (lines := text.count("\n")) > LINES_MAX}

    assert set(long) - VOCABULARIES == set()


def test_blocking_libraries_meet_threads_in_one_place() -> None:
    found = [
        name
        for name, text in sources(".py")
        if name.startswith(ROOMS) and "to_thread" in text and not TO_THREAD_ALLOWED.search(name)
    ]

    assert found == []


def test_imports_stand_at_the_top() -> None:
    hidden = [
        f"{name}:{node.lineno}"
        for name, tree in shipped()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and not (name.startswith(("cli/", "agent/mainstay_agent/main")))  # a command, a driver: loaded when asked for
    ]

    assert hidden == []


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error"])
def test_nothing_is_left_unfinished(word: str) -> None:
    assert [name for name, text in sources(".py", ".sh", "Makefile") if re.search(rf"\b{word}\b", text)] == []


def test_no_test_sleeps_on_the_wall_clock_in_a_loop_of_hope() -> None:
    """time.sleep is for the kit that waits on real servers and for the lab, whose time is real."""
    allowed = ("tests/kit/", "tests/lab/", "tests/bench/", "tests/integration/")
    found = [
        name
        for name, text in sources(".py")
        if name.startswith("tests/") and "time.sleep(" in text and not name.startswith((*allowed, "tests/test_house"))
    ]

    assert found == []


def test_nothing_is_patched_by_path() -> None:
    pattern = re.compile(r"mock\.patch\(|monkeypatch\.setattr\(\s*[\"']")

    found = [name for name, text in sources(".py") if name != "tests/test_house.py" and pattern.search(text)]

    assert found == []


def test_no_path_of_one_machine_and_no_registry_is_named() -> None:
    pattern = re.compile(
        "/" + "work/|" + "pypi" + r"\.org|" + "npmjs" + r"\.org|proxy\.golang" + r"\.org|" + "crates" + r"\.io"
    )

    found = [name for name, text in sources("") if pattern.search(text)]

    assert found == []


def test_every_room_is_on_the_readmes_map() -> None:
    readme = (ROOT / "README.md").read_text()

    assert [room for room in (*ROOMS, "tests", "packaging", "docs") if f"`{room}/" not in readme] == []
