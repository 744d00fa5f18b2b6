"""What is wrong in a story's files is refused with its file, its line and its field."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.scenario.cloud_file import CloudSpec, read_cloud
from tests.kit.scenario.expected import difference, read_expected
from tests.kit.scenario.flaws import Flaw
from tests.kit.scenario.script import read_script
from tests.kit.scenario.telling import Line


def a_cloud(folder: Path, text: str = "hosts: {h1..h3: {}}\nguests: {vm1: {on: h1}}\n") -> CloudSpec:
    folder.mkdir(exist_ok=True)
    (folder / "cloud.yaml").write_text(text)
    return read_cloud(folder / "cloud.yaml")


def flaw_in_cloud(folder: Path, text: str) -> str:
    with pytest.raises(Flaw) as flaw:
        a_cloud(folder, text)
    return str(flaw.value)


def flaw_in_script(folder: Path, text: str) -> str:
    spec = a_cloud(folder)
    (folder / "script.txt").write_text(text)
    with pytest.raises(Flaw) as flaw:
        read_script(folder / "script.txt", spec)
    return str(flaw.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hosts:\n  h1: {}\n  h2: {cpu: 4}\n", "cloud.yaml, line 3, cpu: there is no 'cpu'; did you mean 'cpus'?"),
        ("hosts:\n  h1: {cpus: four}\n", "cloud.yaml, line 2, cpus: 'four' is not a whole number"),
        ("hosts: {h1: {}}\nguests:\n  vm1: {on: h9}\n", "cloud.yaml, line 3, vm1.on: there is no 'h9'"),
        ("hosts: {h1: {}}\nguests:\n  vm1: {}\n", "cloud.yaml, line 3, on: a guest must run somewhere"),
        ("hosts: {h1: {}}\nguest: {}\n", "cloud.yaml, line 2, guest: there is no 'guest'; did you mean 'guests'?"),
        ("hosts: {h1..h2: {}, h2: {}}\n", "cloud.yaml, line 1, h2: it is there twice"),
        ("hosts: {h1: [}\n", "cloud.yaml, line 1, yaml: "),
        ("settings: {}\n", "cloud.yaml, line 1, hosts: a cloud without hosts"),
    ],
)
def test_a_flaw_of_the_cloud_is_shown_where_it_is(tmp_path: Path, text: str, said: str) -> None:
    assert flaw_in_cloud(tmp_path / "story", text).startswith(f"story/{said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5  power of h1\n", "script.txt, line 1, verb: there is no 'power of h1'; did you mean 'power off {hosts}'?"),
        ("\n5  power off h7\n", "script.txt, line 2, hosts: there is no 'h7'; did you mean 'h3'?"),
        ("5  crash vm2\n9  end\n", "script.txt, line 1, guests: there is no 'vm2'; did you mean 'vm1'?"),
        ("soon  power off h1\n", "script.txt, line 1, time: expected seconds and a deed"),
        ("5  power off h1\n4  power on h1\n", "script.txt, line 2, time: 4 comes after 5"),
        ("5  let many starts fail on h1\n9  end\n", "script.txt, line 1, count: 'many' is not a number"),
        ("5  power off h1\n", "script.txt, line 1, end: a story must say when it ends"),
    ],
)
def test_a_flaw_of_the_script_is_shown_where_it_is(tmp_path: Path, text: str, said: str) -> None:
    assert flaw_in_script(tmp_path / "story", text).startswith(f"story/{said}")


def differs(folder: Path, expected: str, told: list[Line]) -> str:
    (folder / "expected.log").write_text(expected)
    return difference(read_expected(folder / "expected.log"), told)


TOLD = [
    Line(3.2, "host h1", "Up -> Alert"),
    Line(15.0, "host h1", "Alert -> Down"),
    Line(15.4, "guest vm1", "runs on h3"),
]
EXPECTED = "3.4  host h1  Up -> Alert\n13..16  host h1  Alert -> Down\n---\n-  guest vm1  runs on *\n"


def test_stamps_spans_and_stars_leave_room(tmp_path: Path) -> None:
    assert differs(tmp_path, EXPECTED, TOLD) == ""


@pytest.mark.parametrize(
    ("expected", "in_diff"),
    [
        (EXPECTED.replace("3.4 ", "9 "), "-         9  host h1"),
        (EXPECTED.replace("Alert -> Down", "Alert -> Up"), "+      15.0  host h1               Alert -> Down"),
        (EXPECTED.replace("-  guest vm1  runs on *\n", ""), "+      15.4  guest vm1             runs on h3"),
        (EXPECTED + "20  guest vm1  is gone\n", "-        20  guest vm1             is gone"),
        ("-  guest vm1  runs on *\n---\n" + EXPECTED.replace("-  guest vm1  runs on *\n", ""), "told too early"),
    ],
)
def test_what_differs_is_shown_as_a_diff(tmp_path: Path, expected: str, in_diff: str) -> None:
    assert in_diff in differs(tmp_path, expected, TOLD)


def test_lines_of_one_subject_must_come_in_their_order(tmp_path: Path) -> None:
    told = [Line(1.0, "host h1", "Alert -> Down"), Line(1.0, "host h1", "Up -> Alert")]

    assert differs(tmp_path, "1  host h1  Up -> Alert\n1  host h1  Alert -> Down\n", told) != ""
