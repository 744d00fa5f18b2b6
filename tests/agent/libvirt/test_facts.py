"""The machine a host is, as its firmware numbers it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay_agent.drivers.libvirt.facts import machine_id


@pytest.mark.parametrize(
    ("firmware", "told"),
    [
        ("4C4C4544-0042-3510-8054-B4C04F4A4E32\n", "4c4c4544-0042-3510-8054-b4c04f4a4e32"),
        ("00000000-0000-0000-0000-000000000000\n", ""),
        ("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF\n", ""),
        ("Not Settable\n", ""),
    ],
)
def test_a_machine_is_what_its_firmware_says_if_that_says_anything(firmware: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "product_uuid").write_text(firmware)

    assert machine_id(tmp_path / "product_uuid") == told


def test_a_machine_without_such_firmware_has_no_number(tmp_path: Path) -> None:
    assert machine_id(tmp_path / "product_uuid") == ""
