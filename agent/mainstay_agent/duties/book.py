"""What the agent must still know after a restart: orders for each guest, answers given, how its pools are leased.

The promise: what was entered is in the memory when the call returns.  A memory of another boot is void: after
a boot this host runs guests only by fresh orders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import TypeAdapter

from mainstay_agent.duties.ports import Memory
from mainstay_proto.messages import CommandResult, GuestSpec, LeaseProfile, PoolMount


class Wanted(StrEnum):
    """What the last order about a guest was.  Own orders are not crashes."""

    STARTING = "starting"  # ordered, not yet seen running: no standing authority before that
    RUNNING = "running"
    STOPPED = "stopped"
    ARRIVING = "arriving"  # a migration was announced; the hypervisor alone makes it appear
    DEPARTING = "departing"  # a migration away is under way or has an unknown end
    LEFT = "left"  # down, and for the controller to decide


MAYBE_RUNNING = frozenset({Wanted.STARTING, Wanted.RUNNING, Wanted.ARRIVING, Wanted.DEPARTING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    spec: GuestSpec
    wanted: Wanted
    restarts: tuple[float, ...] = ()  # when we used standing authority, by the clock of this boot


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOrders:
    """What `LeaseArea.configure` was last told."""

    mounts: tuple[PoolMount, ...]
    lease_names: tuple[tuple[str, int, str], ...]
    profile: LeaseProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    boot_id: str
    entries: tuple[Entry, ...] = ()
    results: tuple[CommandResult, ...] = ()
    pools: PoolOrders | None = None


FORM: TypeAdapter[Remembered] = TypeAdapter(Remembered)


class Book:
    """The memory of one host's duties."""

    def __init__(self, memory: Memory, boot_id: str, results_max: int) -> None:
        self._memory = memory
        self._boot_id = boot_id
        self._results_max = results_max
        remembered = read(memory.load(), boot_id)
        self._entries = {entry.spec.vm_id: entry for entry in remembered.entries}
        self._results = {result.command_id: result for result in remembered.results}
        self._pools = remembered.pools

    def entry(self, vm_id: str) -> Entry | None:
        return self._entries.get(vm_id)

    def entries(self) -> Iterable[Entry]:
        return tuple(self._entries.values())

    def enter(self, spec: GuestSpec, wanted: Wanted) -> None:
        """A fresh order: the budget begins anew."""
        self._put(Entry(spec=spec, wanted=wanted))

    def want(self, vm_id: str, wanted: Wanted) -> None:
        entry = self._entries.get(vm_id)
        if entry is not None and entry.wanted is not wanted:
            self._put(replace(entry, wanted=wanted))

    def note_spec(self, spec: GuestSpec) -> None:
        """What it has now, so that a restart by ourselves is with that."""
        self._put(replace(self._entries[spec.vm_id], spec=spec))

    def note_restart(self, vm_id: str, at: float) -> None:
        entry = self._entries[vm_id]
        since = at - entry.spec.restart.window_seconds
        self._put(replace(entry, restarts=(*(past for past in entry.restarts if past > since), at)))

    def drop(self, vm_id: str) -> None:
        if self._entries.pop(vm_id, None) is not None:
            self._save()

    def result(self, command_id: str) -> CommandResult | None:
        return self._results.get(command_id)

    def remember(self, result: CommandResult) -> None:
        self._results[result.command_id] = result
        while len(self._results) > self._results_max:
            del self._results[next(iter(self._results))]
        self._save()

    @property
    def pools(self) -> PoolOrders | None:
        return self._pools

    def note_pools(self, pools: PoolOrders) -> None:
        if pools != self._pools:
            self._pools = pools
            self._save()

    def _put(self, entry: Entry) -> None:
        self._entries[entry.spec.vm_id] = entry
        self._save()

    def _save(self) -> None:
        remembered = Remembered(
            boot_id=self._boot_id,
            entries=tuple(self._entries.values()),
            results=tuple(self._results.values()),
            pools=self._pools,
        )
        self._memory.save(FORM.dump_json(remembered))


def read(state: bytes | None, boot_id: str) -> Remembered:
    """Of this boot, or empty.  A state that cannot be read raises pydantic's ValidationError: it was ours, so something is badly wrong."""
    if state is not None and (remembered := FORM.validate_json(state)).boot_id == boot_id:
        return remembered
    return Remembered(boot_id=boot_id)
