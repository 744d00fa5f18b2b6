"""What a lab guest is made of, and where one runs.

Enough memory for Debian's cloud kernel, and a command line that tells the guest whose order it obeys: `{epoch}` and
`{host}` are filled in by the agent that starts it."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay_cli.lab.host import LabHost
from mainstay_cli.lab.processes import Program
from mainstay_runtime.errors import Unavailable

MEMORY_MIB = 96
KERNEL_ARGUMENTS = "console=ttyS0 quiet nokaslr mainstay.epoch={epoch} mainstay.host={host}"
EMULATOR = "qemu-system-x86_64"


async def find_guest(hosts: Sequence[LabHost], name_or_id: str) -> tuple[LabHost, Program]:
    """The emulator of a guest, by the domain's name or UUID."""
    for host in hosts:
        for program in await emulators_of(host):
            if runs_guest(program, name_or_id):
                return host, program
    raise Unavailable(f"no host of the lab runs {name_or_id}")


async def emulators_of(host: LabHost) -> list[Program]:
    return await host.programs(EMULATOR) if await host.is_on() else []


def runs_guest(program: Program, name_or_id: str) -> bool:
    return name_or_id in program.argv or any(word.startswith(f"guest={name_or_id},") for word in program.argv)
