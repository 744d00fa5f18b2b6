"""Settings come from four places, in a known order, and a wrong one is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from mainstay_runtime import settings
from mainstay_runtime.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    data: Path
    port: int = 8250
    beat_seconds: float = 1.0
    controllers: tuple[str, ...] = ()


def load(file: Path | None = None, **given: object) -> Example:
    return settings.load(Example, prefix="MAINSTAY_TEST_", file=file, given=given)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text('data = "/from/file"\nport = 1\nbeat_seconds = 0.5\ncontrollers = ["a:1", "b:2"]\n')
    return path


def test_what_is_given_beats_environment_beats_file_beats_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_TEST_PORT", "2")
    monkeypatch.setenv("MAINSTAY_TEST_BEAT_SECONDS", "3")

    assert load(file, beat_seconds=4, port=None) == Example(
        data=Path("/from/file"), port=2, beat_seconds=4.0, controllers=("a:1", "b:2")
    )
    assert load(data="/x") == Example(data=Path("/x"), port=2, beat_seconds=3.0)


def test_a_list_in_the_environment_is_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_TEST_CONTROLLERS", "a:8250,b:8250")

    assert load(data="/x").controllers == ("a:8250", "b:8250")


def test_a_value_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_TEST_PORT", "many")

    with pytest.raises(BadInput, match=r"port: .*integer"):
        load(data="/x")


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(BadInput, match="data: Field required"):
        load()


def test_a_name_in_the_file_that_is_no_setting_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('data = "/x"\nprot = 1\n')

    with pytest.raises(BadInput, match="prot: "):
        load(file)


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("data =")

    with pytest.raises(BadInput, match=r"agent\.toml: "):
        load(file)
