"""What was asked of each guest and what was last known of it, kept in files beside the hypervisor.

libvirt cannot tell whose destroy it carried out, nor what ran before somebody undefined it; these records can.
They live on tmpfs: written at once, read again by the agent's next process, and gone with the boot they speak of."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter

from mainstay_proto.messages import StopCause


class Phase(StrEnum):
    EXPECTED = "expected"  # a migration was announced
    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"


class Intent(StrEnum):
    """The last thing we asked for that ends a guest; written before it is asked."""

    SHUTDOWN = "shutdown"
    DESTROY = "destroy"
    MIGRATE = "migrate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    vm_id: str
    epoch: int
    phase: Phase
    intent: Intent | None = None
    cause: StopCause | None = None  # of a stopped guest
    detail: str = ""
    terminated: bool = False  # somebody on the host sent QEMU a signal; its end is at hand


FORM: TypeAdapter[Record] = TypeAdapter(Record)


class Records:
    """By vm_id.  A record is replaced and never changed, so `is` tells whether anything was written meanwhile."""

    def __init__(self, state_dir: str) -> None:
        self._directory = Path(state_dir)
        self._by_id: dict[str, Record] = {}

    def load(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        files = self._directory.glob("*.json")
        self._by_id = {record.vm_id: record for record in (FORM.validate_json(file.read_bytes()) for file in files)}

    def get(self, vm_id: str) -> Record | None:
        return self._by_id.get(vm_id)

    def all(self) -> Mapping[str, Record]:
        return dict(self._by_id)

    def put(self, record: Record) -> None:
        if self._by_id.get(record.vm_id) == record:
            return
        self._by_id[record.vm_id] = record
        fresh = self._directory / f"{record.vm_id}.fresh"
        fresh.write_bytes(FORM.dump_json(record))
        os.replace(fresh, self._file(record.vm_id))

    def drop(self, vm_id: str) -> None:
        self._by_id.pop(vm_id, None)
        self._file(vm_id).unlink(missing_ok=True)

    def _file(self, vm_id: str) -> Path:
        return self._directory / f"{vm_id}.json"
