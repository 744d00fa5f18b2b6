"""The reader of tapes must find every planted sign of two writers, and nothing on an honest tape."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay_cli.lab.tapes import (
    Damage,
    Entry,
    Record,
    decode,
    encode,
    faults_of,
    last_record,
    make_tape,
    read_tape,
)


def a_record(position: int, *, epoch: int = 1, host: str = "h1", boot: int = 7, counter: int = 1) -> Record:
    return Record(position=position, epoch=epoch, host=host, boot=boot, counter=counter)


def a_run(start: int, length: int, *, epoch: int, host: str, boot: int, counter: int = 1) -> list[Entry]:
    """Consecutive records of one boot."""
    return [a_record(start + step, epoch=epoch, host=host, boot=boot, counter=counter + step) for step in range(length)]


def test_one_boot_after_another_is_no_fault() -> None:
    crashed = a_run(1, 20, epoch=1, host="h1", boot=7)
    restarted_there = a_run(21, 5, epoch=1, host="h1", boot=8)
    moved = a_run(26, 9, epoch=4, host="h2", boot=9)

    assert faults_of([*crashed, *restarted_there, *moved]) == []


def test_a_late_write_of_the_old_epoch_is_found() -> None:
    old = a_run(1, 5, epoch=1, host="h1", boot=7)
    new = a_run(6, 3, epoch=2, host="h2", boot=8)
    late = a_record(9, epoch=1, host="h1", boot=7, counter=6)

    faults = faults_of([*old, *new, late])

    assert [(fault.position, fault.what) for fault in faults] == [(9, "epoch 1 (h1) after epoch 2 (h2)")]


def test_a_late_write_that_lands_on_the_new_boots_first_record_is_found() -> None:
    old = a_run(1, 6, epoch=1, host="h1", boot=7)  # its last one landed where the new boot's first had been
    new = a_run(7, 3, epoch=2, host="h2", boot=8, counter=2)

    assert [fault.position for fault in faults_of([*old, *new])] == [7]


def test_two_writers_of_one_epoch_are_found() -> None:
    here = a_run(1, 2, epoch=3, host="h1", boot=7)
    there = a_record(3, epoch=3, host="h2", boot=8)
    here_again = a_record(4, epoch=3, host="h1", boot=7, counter=3)

    assert [fault.position for fault in faults_of([*here, there, here_again])] == [4]


def test_both_sides_of_a_torn_migration_are_found_by_the_counter_that_comes_again() -> None:
    source = a_run(1, 3, epoch=3, host="h1", boot=7)
    target_too = a_record(4, epoch=3, host="h1", boot=7, counter=3)

    (fault,) = faults_of([*source, target_too])

    assert "runs twice" in fault.what


def test_a_sector_that_is_no_record_is_a_fault() -> None:
    assert [fault.position for fault in faults_of([a_record(1), Damage(position=2)])] == [2]


@given(st.data())
def test_whatever_is_swapped_repeated_or_lost_on_an_honest_tape_is_found(data: st.DataObject) -> None:
    tape = [
        entry
        for boot in range(data.draw(st.integers(2, 4)))
        for entry in a_run(0, data.draw(st.integers(2, 6)), epoch=boot, host=f"h{boot}", boot=boot)
    ]
    assert faults_of(tape) == []
    position = data.draw(st.integers(0, len(tape) - 2))  # losing the very last record is losing nothing

    match data.draw(st.sampled_from(["swap", "repeat", "lose"])):
        case "swap":
            tape[position], tape[position + 1] = tape[position + 1], tape[position]
        case "repeat":
            tape.insert(position, tape[position])
        case _:
            victim, successor = tape[position], tape[position + 1]
            if isinstance(victim, Record) and isinstance(successor, Record) and victim.boot != successor.boot:
                return  # nobody can miss the last word of a boot
            del tape[position]

    assert faults_of(tape) != []


def test_a_record_is_read_as_it_was_written() -> None:
    record = a_record(5, epoch=2**40, host="h2", boot=2**63 + 1, counter=99)

    assert decode(5, encode(record)) == record


@pytest.mark.parametrize("byte", [0, 9, 20, 100, 511])
def test_a_torn_record_is_damage(byte: int) -> None:
    sector = bytearray(encode(a_record(1)))
    sector[byte] ^= 0x40

    assert decode(1, bytes(sector)) == Damage(position=1)


def test_the_last_record_of_a_tape_is_found_without_reading_it_all(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    make_tape(tape, size_bytes=1024 * 512)
    assert last_record(tape) is None

    records = a_run(1, 300, epoch=1, host="h1", boot=7)
    with tape.open("r+b") as image:
        image.seek(512)
        image.writelines(encode(record) for record in records if isinstance(record, Record))

    assert last_record(tape) == records[-1]
    assert read_tape(tape) == records
