"""One host of the lab in the hands of a test or an operator: run things in it, hurt it, heal it."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mainstay_cli.lab import network
from mainstay_cli.lab.bmc import Mood
from mainstay_cli.lab.layout import HostPlace, Layout
from mainstay_cli.lab.locks import give_up_locks
from mainstay_cli.lab.processes import (
    COMMAND_DEADLINE_SECONDS,
    Program,
    is_alive,
    namespace_of,
    pid_outside,
    programs_in,
    run,
    send,
)
from mainstay_cli.lab.room_link import RoomLink
from mainstay_runtime.errors import Unavailable


class StorageFault(StrEnum):
    """Ways for a pool to fail one host (parts/poolfs.c)."""

    HANG = "hang"  # requests are not taken; their callers can be killed
    HOLD = "hold"  # requests are taken and held: callers sleep uninterruptibly, writes land when the pool heals
    ERROR = "error"  # every request fails with EIO
    GONE = "gone"  # the mount is dead for good; healing makes a new one, and files once open stay lost


_FAULT_SIGNALS = {
    StorageFault.HANG: signal.SIGSTOP,
    StorageFault.HOLD: signal.SIGUSR2,
    StorageFault.ERROR: signal.SIGUSR1,
    StorageFault.GONE: signal.SIGKILL,
}
_UNHEARD = frozenset({StorageFault.HANG, StorageFault.HOLD})


@dataclass(frozen=True, slots=True, kw_only=True)
class LabProcess:
    """A process started in a host or in the fabric; `pid` is its number outside."""

    pid: int
    log: Path

    def kill(self) -> None:
        send(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        send(self.pid, signal.SIGTERM)

    def stop(self) -> None:
        """SIGSTOP: it hangs."""
        send(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        send(self.pid, signal.SIGCONT)

    def is_alive(self) -> bool:
        return is_alive(self.pid)


class LabHost:
    def __init__(self, layout: Layout, place: HostPlace, room: RoomLink) -> None:
        self._layout = layout
        self._room = room
        self.place = place
        self.name = place.name
        self.ip = place.ip
        self.bmc_ip = place.bmc_ip

    # power

    async def is_on(self) -> bool:
        return (await self._room.status())[self.name].on

    async def switch_on(self) -> None:
        await self._room.ask(f"power {self.name} on")

    async def switch_off(self, why: str = "by hand") -> None:
        """Power loss: no farewell on the network, and nothing of the host left when this returns."""
        await self._room.ask(f"power {self.name} off {why}")

    async def set_bmc_mood(self, mood: Mood) -> None:
        await self._room.ask(f"mood {self.name} {mood}")

    # cables

    async def cut_network(self) -> None:
        await network.cut(self._layout, self.place.cable)

    async def heal_network(self) -> None:
        await network.heal(self._layout, self.place.cable, network.MANAGEMENT)

    async def cut_bmc_network(self) -> None:
        await network.cut(self._layout, self.place.bmc_cable)

    async def heal_bmc_network(self) -> None:
        await network.heal(self._layout, self.place.bmc_cable, network.OUT_OF_BAND)

    # storage

    async def cut_storage(self, fault: StorageFault = StorageFault.HANG, pool: str = "primary") -> None:
        for program in await self._pool_servers(pool):
            send(program.pid, _FAULT_SIGNALS[fault])
            if fault in _UNHEARD:
                give_up_locks(program.pid)

    async def heal_storage(self, pool: str = "primary") -> None:
        servers = await self._pool_servers(pool)
        for program in servers:
            send(program.pid, signal.SIGCONT)
        if not servers:
            await self._mount_again(pool)

    async def _pool_servers(self, pool: str) -> list[Program]:
        return [server for server in await self.programs("poolfs") if f"/srv/{pool}" in server.argv]

    async def _mount_again(self, pool: str) -> None:
        options = f"fsname={pool},subtype=glusterfs,allow_other"
        await self.run(["umount", "--lazy", f"/srv/{pool}"])
        await self.run([str(self._layout.poolfs), str(self._layout.storage(pool)), f"/srv/{pool}", "-o", options])

    async def repair(self) -> None:
        """On, thawed, and every cable, pool and BMC whole again."""
        await self.set_bmc_mood(Mood.HONEST)
        await self.heal_network()
        await self.heal_bmc_network()
        await self.switch_on()
        await self.thaw()
        for pool in self._layout.pools:
            await self.heal_storage(pool)

    # processes

    async def run(self, argv: Sequence[str], *, deadline_seconds: float = COMMAND_DEADLINE_SECONDS) -> str:
        """A command in the host, to its end."""
        return await run([*await self.door(), *argv], deadline_seconds=deadline_seconds)

    async def spawn(self, argv: Sequence[str], *, name: str) -> LabProcess:
        """A process that stays in the host until it ends or the host dies; its output is in logs/HOST-NAME.log.

        A child of the host's own init: nsenter as its parent would stop itself when it is stopped, and then not reap it, so that
        a host that lost its power would never be gone."""
        log = self._layout.logs / f"{self.name}-{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        number = int(await self.run(["sh", "-c", '"$@" >>"$0" 2>&1 & echo $!', str(log), *argv]))
        pid = pid_outside(number, namespace_of(await self._init_pid()))
        if pid is None:
            raise Unavailable(f"{shlex.join(argv)} ended at once in {self.name}; see {log}")
        return LabProcess(pid=pid, log=log)

    async def programs(self, name: str | None = None) -> list[Program]:
        """What runs in the host, by the name of its program; all if no name is given."""
        namespace = namespace_of(await self._init_pid())
        found = programs_in(namespace) if namespace else ()
        return [program for program in found if name is None or program.is_called(name)]

    async def send(self, name: str, what: signal.Signals) -> int:
        """Signal every program of that name; how many there were."""
        programs = await self.programs(name)
        for program in programs:
            send(program.pid, what)
        return len(programs)

    async def freeze(self) -> None:
        """Every process of the host stops (SIGSTOP), those forked meanwhile too."""
        frozen: set[int] = set()
        while fresh := {program.pid for program in await self.programs()} - frozen:
            for pid in fresh:
                send(pid, signal.SIGSTOP)
            frozen |= fresh

    async def thaw(self) -> None:
        """Also ends any storage fault of the host."""
        for program in await self.programs():
            send(program.pid, signal.SIGCONT)

    async def door(self) -> list[str]:
        """What to put before a command to have it run in the host."""
        pid = await self._init_pid()
        return ["nsenter", "--target", str(pid), "--pid", "--mount", "--uts", "--ipc", "--net", "--wd=/"]

    async def _init_pid(self) -> int:
        pid = (await self._room.status())[self.name].init_pid
        if pid is None:
            raise Unavailable(f"{self.name} is off")
        return pid
