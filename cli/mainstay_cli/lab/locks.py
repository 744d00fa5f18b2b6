"""What a storage box does with the locks of a host that it does not hear any more: it gives them up, and the host never learns it.

So does every network file system, sooner or later.  A lab's box does it at once, so that image locks save nobody there."""

from __future__ import annotations

import ctypes
import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SYS_PIDFD_GETFD = 438
_F_OFD_SETLK = 37
_WHOLE_FILE_UNLOCKED = struct.pack("hhxxxxqqixxxx", fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0)
_libc = ctypes.CDLL(None, use_errno=True)


def give_up_locks(server_pid: int) -> None:
    """Of every file that this host's poolfs has open; also when it is stopped."""
    process = os.pidfd_open(server_pid)
    try:
        for number in list(_open_files(server_pid)):
            with _borrowed(process, number) as fd:
                fcntl.fcntl(fd, _F_OFD_SETLK, _WHOLE_FILE_UNLOCKED)
                fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(process)


def _open_files(pid: int) -> Iterator[int]:
    """Those that can carry locks: regular, and open for more than their name (O_PATH)."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        flags = Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text().split("flags:")[1].split()[0]
        if stat.S_ISREG(entry.stat().st_mode) and not int(flags, 8) & os.O_PATH:
            yield int(entry.name)


@contextmanager
def _borrowed(process: int, number: int) -> Iterator[int]:
    fd = _libc.syscall(_SYS_PIDFD_GETFD, process, number, 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    try:
        yield fd
    finally:
        os.close(fd)
