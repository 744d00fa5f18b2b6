"""What the tape of a lab guest says: was it ever written by two at a time?  Records in, faults out.

The promise: every write of an older epoch after the first of a newer one is a fault, and so is every sign of a second
writer: a boot that goes on after another began, a counter repeated, a counter missing.  The order on the tape is the order of
writing, because a writer takes only sectors that were free (parts/tapewriter.c); clocks are read for people, never compared."""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SECTOR = 512
TAPE_BYTES_DEFAULT = 32 * 1024 * 1024
_RECORD = struct.Struct("<8sIIQQQQQ64s")
_RECORD_MAGIC = b"MSTAPE1\0"
_LETTER_MAGIC = b"MSWORD1\0"
_BLANK = bytes(SECTOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One write of a guest.  `boot` is drawn at random by each boot; a migrated guest goes on under the boot it had."""

    position: int
    epoch: int
    host: str
    boot: int
    counter: int
    uptime_seconds: float = 0.0
    wall_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A sector that is neither blank nor a whole record."""

    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A proof of two writers, or of a lost write."""

    position: int
    what: str


Entry = Record | Damage


def faults_of(entries: Sequence[Entry]) -> list[Fault]:
    """All faults in the order of the tape; empty means: one writer at a time, epochs never fell."""
    faults: list[Fault] = []
    last_of_boot: dict[int, Record] = {}
    newest: Record | None = None
    for entry in entries:
        if isinstance(entry, Damage):
            faults.append(Fault(position=entry.position, what="sector is neither blank nor a whole record"))
            continue
        faults.extend(_faults_of_record(entry, last_of_boot.get(entry.boot), newest))
        last_of_boot[entry.boot] = entry
        if newest is None or entry.epoch >= newest.epoch:
            newest = entry
    return faults


def _faults_of_record(record: Record, before: Record | None, newest: Record | None) -> Iterator[Fault]:
    """`before` is the same boot's previous record, `newest` the last record of the newest epoch."""
    if newest is not None and record.epoch < newest.epoch:
        yield _fault(record, f"epoch {record.epoch} ({record.host}) after epoch {newest.epoch} ({newest.host})")
    elif newest is not None and before is not None and newest.boot != record.boot:
        yield _fault(
            record, f"a boot on {record.host} goes on after a boot on {newest.host} began, epoch {record.epoch}"
        )
    expected = before.counter + 1 if before else 1
    if record.counter < expected:
        yield _fault(record, f"counter {record.counter} of a boot on {record.host} comes again: it runs twice")
    elif record.counter > expected:
        yield _fault(
            record, f"counter {record.counter} of a boot on {record.host} where {expected} belongs: overwritten"
        )


def _fault(record: Record, what: str) -> Fault:
    return Fault(position=record.position, what=what)


def read_tape(tape: Path) -> list[Entry]:
    """Every entry of a raw image, which may be in use."""
    content = tape.read_bytes()
    sectors = (
        (position, content[position * SECTOR : (position + 1) * SECTOR])
        for position in range(1, len(content) // SECTOR)
    )
    return [decode(position, sector) for position, sector in sectors if sector != _BLANK]


def last_record(tape: Path) -> Record | None:
    """Cheap enough to be asked several times a second while the guest writes."""
    with tape.open("rb", buffering=0) as image:

        def is_blank(position: int) -> bool:
            return _sector(image, position) == _BLANK

        end = tape.stat().st_size // SECTOR
        tail = bisect_left(range(1, end), True, key=is_blank)
        entry = decode(tail, _sector(image, tail)) if tail else None
    return entry if isinstance(entry, Record) else None


def make_tape(tape: Path, size_bytes: int = TAPE_BYTES_DEFAULT) -> None:
    """A blank tape: all its sectors are holes."""
    with tape.open("wb") as image:
        image.truncate(size_bytes)


def put_letter(tape: Path, word: str) -> None:
    """Tell a running guest: poweroff, reboot, crash (its kernel panics) or hang (it stops writing and obeying)."""
    with tape.open("r+b") as image:
        image.write((_LETTER_MAGIC + word.encode()).ljust(SECTOR, b"\0"))


def encode(record: Record) -> bytes:
    """The sector a guest would write."""
    sector = bytearray(SECTOR)
    times = (int(record.uptime_seconds * 1e9), int(record.wall_seconds * 1e9))
    host = record.host.encode()
    _RECORD.pack_into(sector, 0, _RECORD_MAGIC, 0, 0, record.epoch, record.counter, record.boot, *times, host)
    struct.pack_into("<I", sector, 8, zlib.crc32(sector))
    return bytes(sector)


def decode(position: int, sector: bytes) -> Entry:
    if len(sector) < SECTOR:
        return Damage(position=position)
    magic, crc, _, epoch, counter, boot, uptime_ns, wall_ns, host = _RECORD.unpack_from(sector)
    if magic != _RECORD_MAGIC or crc != zlib.crc32(sector[:8] + bytes(4) + sector[12:]):
        return Damage(position=position)
    return Record(
        position=position,
        epoch=epoch,
        counter=counter,
        boot=boot,
        host=host.rstrip(b"\0").decode(errors="replace"),
        uptime_seconds=uptime_ns / 1e9,
        wall_seconds=wall_ns / 1e9,
    )


def _sector(image: BinaryIO, position: int) -> bytes:
    image.seek(position * SECTOR)
    return image.read(SECTOR)
