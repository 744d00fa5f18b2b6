"""A slot of a pool's lease file: two sectors of 4096 bytes, the owner's and the poison's.

The promise: a sector that decodes is whole and is what somebody wrote.  A torn, blank or foreign one decodes to None, `no sighting`.
Only the owner writes the owner's sector; only others write the poison.  The file holds slot n at byte n x 8192."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum

from mainstay_runtime.errors import BadInput

SECTOR_BYTES = 4096
SLOT_BYTES = 2 * SECTOR_BYTES
NAME_BYTES = 64

_OWNER_MAGIC = b"MSLEASE1"
_POISON_MAGIC = b"MSPOISN1"
# magic, crc of the sector with this field zero, host id, then by kind; little endian, no padding
_OWNER = struct.Struct(f"<8sI{NAME_BYTES}s{NAME_BYTES}sQQIB{NAME_BYTES}s")
_POISON = struct.Struct(f"<8sI{NAME_BYTES}s{NAME_BYTES}sQ")
_CRC_AT = len(_OWNER_MAGIC)


class SlotState(StrEnum):
    HELD = "held"
    DROPPED = "dropped"  # given back on purpose: nothing runs until the next generation


_STATE_BYTES = {SlotState.HELD: 1, SlotState.DROPPED: 2}
_STATES = {byte: state for state, byte in _STATE_BYTES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerSector:
    """`generation` rises only when the owner has no guest on the pool; `sequence` with every renewal.

    `dead_after_milliseconds` is the T_dead of the profile the owner renewed under: an observer with a shorter one waits this long.
    `acknowledged_incident`: guests of the generation meant by that poison are gone."""

    host_id: str
    boot_id: str
    generation: int
    sequence: int
    dead_after_milliseconds: int
    state: SlotState = SlotState.HELD
    acknowledged_incident: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoisonSector:
    """Somebody's word to the owner: kill your guests of this generation, and say so."""

    host_id: str
    incident_id: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    owner: OwnerSector | None = None
    poison: PoisonSector | None = None


BLANK = Slot()


def encode_owner(sector: OwnerSector) -> bytes:
    return _seal(
        _OWNER.pack(
            _OWNER_MAGIC,
            0,
            _name(sector.host_id),
            _name(sector.boot_id),
            sector.generation,
            sector.sequence,
            sector.dead_after_milliseconds,
            _STATE_BYTES[sector.state],
            _name(sector.acknowledged_incident),
        )
    )


def encode_poison(sector: PoisonSector) -> bytes:
    fields = (_name(sector.host_id), _name(sector.incident_id), sector.generation)
    return _seal(_POISON.pack(_POISON_MAGIC, 0, *fields))


def decode_slot(data: bytes) -> Slot:
    return Slot(owner=decode_owner(data[:SECTOR_BYTES]), poison=decode_poison(data[SECTOR_BYTES:SLOT_BYTES]))


def decode_owner(data: bytes) -> OwnerSector | None:
    if not _is_whole(data, _OWNER_MAGIC):
        return None
    _, _, host, boot, generation, sequence, dead_after, state, incident = _OWNER.unpack_from(data)
    if state not in _STATES:
        return None
    return OwnerSector(
        host_id=_text(host),
        boot_id=_text(boot),
        generation=generation,
        sequence=sequence,
        dead_after_milliseconds=dead_after,
        state=_STATES[state],
        acknowledged_incident=_text(incident),
    )


def decode_poison(data: bytes) -> PoisonSector | None:
    if not _is_whole(data, _POISON_MAGIC):
        return None
    _, _, host, incident, generation = _POISON.unpack_from(data)
    return PoisonSector(host_id=_text(host), incident_id=_text(incident), generation=generation)


def _seal(head: bytes) -> bytes:
    blank = head.ljust(SECTOR_BYTES, b"\0")
    return blank[:_CRC_AT] + struct.pack("<I", zlib.crc32(blank)) + blank[_CRC_AT + 4 :]


def _is_whole(data: bytes, magic: bytes) -> bool:
    if len(data) != SECTOR_BYTES or not data.startswith(magic):
        return False
    (crc,) = struct.unpack_from("<I", data, _CRC_AT)
    return bool(crc == zlib.crc32(data[:_CRC_AT] + bytes(4) + data[_CRC_AT + 4 :]))


def _name(text: str) -> bytes:
    data = text.encode()
    if len(data) > NAME_BYTES or "\0" in text:
        raise BadInput(f"not storable in a slot: {text!r}")
    return data


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode(errors="replace")
