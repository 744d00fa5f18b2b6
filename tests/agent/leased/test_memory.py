"""What a lease daemon remembers, and which watchdogs there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay_agent.lease import bounds
from mainstay_agent.lease.area import Granted
from mainstay_agent.lease.keeper import Keeper
from mainstay_agent.lease.ports import Remembered
from mainstay_agent.lease.slots import BLANK
from mainstay_agent.leased.memory import TmpfsMemory
from mainstay_agent.leased.watchdogs import watchdog_at
from mainstay_runtime.errors import BadInput
from tests.kit.leases import POOL, a_mount


def a_keeper_with_a_guest() -> Keeper:
    keeper = Keeper(host_id="h1", boot_id="boot", profile=bounds.FAST).configured((a_mount(),), bounds.FAST)
    keeper, _ = keeper.own_slot_read(POOL, BLANK, 0.0)
    keeper, _ = keeper.begin_renewal(POOL, 0.0)
    keeper, _ = keeper.renewal_acknowledged(POOL, 1, 0.0)
    keeper, _, answer = keeper.authorise("vm-1", 1, frozenset([POOL]), 0.1)
    assert isinstance(answer, Granted)
    return keeper.restarted()


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    remembered = Remembered(
        keeper=a_keeper_with_a_guest(), mounts=(a_mount(),), lease_names=((POOL, 0, "h1"), (POOL, 1, "h2"))
    )

    TmpfsMemory(tmp_path / "leased.json").save(remembered)

    assert TmpfsMemory(tmp_path / "leased.json").load() == remembered


def test_nothing_saved_is_nothing_known(tmp_path: Path) -> None:
    assert TmpfsMemory(tmp_path / "leased.json").load() is None


def test_a_damaged_memory_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "leased.json").write_text("{}")

    with pytest.raises(BadInput, match="damaged"):
        TmpfsMemory(tmp_path / "leased.json").load()


@pytest.mark.parametrize("place", ["", "none:x", "device", "supervisor:", "dog:/dev/watchdog"])
def test_a_watchdog_that_makes_no_sense_is_refused(place: str) -> None:
    with pytest.raises(BadInput, match="no watchdog is described"):
        watchdog_at(place)


@pytest.mark.parametrize("place", ["none", "device:/dev/watchdog", "supervisor:/run/x.sock"])
def test_a_watchdog_is_named_by_its_kind(place: str) -> None:
    assert watchdog_at(place).kind == place.partition(":")[0]
