"""Does KVM really run guests here?  Asked by running one, in a process of its own that can be killed.

That /dev/kvm opens says little: under some outer hypervisors guests crawl or hang.  This one counts to twenty million in real mode and halts: some
ten milliseconds where the processor runs it, many seconds where it is imitated."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import mmap
import os
import struct
import sys

PATIENCE_SECONDS = 2.0

# <linux/kvm.h>, x86
CREATE_VM, GET_RUN_SIZE, CREATE_CPU, RUN = 0xAE01, 0xAE04, 0xAE41, 0xAE80
SET_MEMORY = 0x4020AE46
GET_SEGMENTS, SET_SEGMENTS, SET_REGISTERS = 0x8138AE83, 0x4138AE84, 0x4090AE82
SEGMENTS_BYTES, REGISTERS_BYTES = 312, 144
CODE_SELECTOR_OFFSET, INSTRUCTION_POINTER_OFFSET, EXIT_REASON_OFFSET = 12, 128, 8
EXIT_HALT = 5

PAGE_BYTES = 4096
CODE_ADDRESS = 0x1000
FLAGS_RESERVED = 2
PROGRAM = bytes.fromhex("66b9002d3101664975fcf4")  # mov ecx, 20000000; again: dec ecx; jnz again; hlt


async def kvm_runs_guests() -> bool:
    """Ends within PATIENCE_SECONDS or little more."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await child.wait() == 0
    except TimeoutError:
        return False
    finally:
        if child.returncode is None:
            child.kill()


def run_guest() -> bool:
    kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    machine = fcntl.ioctl(kvm, CREATE_VM, 0)
    memory = mmap.mmap(-1, PAGE_BYTES)
    memory.write(PROGRAM)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(machine, SET_MEMORY, struct.pack("=IIQQQ", 0, 0, CODE_ADDRESS, PAGE_BYTES, address))
    cpu = fcntl.ioctl(machine, CREATE_CPU, 0)
    run = mmap.mmap(cpu, fcntl.ioctl(kvm, GET_RUN_SIZE, 0))
    segments = bytearray(SEGMENTS_BYTES)
    fcntl.ioctl(cpu, GET_SEGMENTS, segments)
    struct.pack_into("=Q", segments, 0, 0)  # code segment: base ...
    struct.pack_into("=H", segments, CODE_SELECTOR_OFFSET, 0)  # ... and selector
    fcntl.ioctl(cpu, SET_SEGMENTS, bytes(segments))
    registers = bytearray(REGISTERS_BYTES)
    struct.pack_into("=QQ", registers, INSTRUCTION_POINTER_OFFSET, CODE_ADDRESS, FLAGS_RESERVED)
    fcntl.ioctl(cpu, SET_REGISTERS, bytes(registers))
    fcntl.ioctl(cpu, RUN, 0)
    (reason,) = struct.unpack_from("=I", run, EXIT_REASON_OFFSET)
    return bool(reason == EXIT_HALT)


if __name__ == "__main__":
    sys.exit(0 if run_guest() else 1)
