"""A guest that is one boot sector: it starts in a second, needs 16 MiB, and obeys four wishes.

It says `!` on its serial line once it has booted, powers off when its power button is pressed or `q` is typed, panics (by pvpanic)
on `p` and reboots on `r`.  Otherwise it sleeps and, 18 times a second, fills half a megabyte, so that a slow migration takes a while."""

from __future__ import annotations

from pathlib import Path

MEMORY_MIB = 16
DISK_BYTES = 1 << 20
BOOTED = b"!"
KEY_OFF, KEY_PANIC, KEY_REBOOT = 16, 25, 19  # Linux key codes of q, p, r

PROGRAM = bytes.fromhex(
    "ba0206 ed 80cc01 ef"  # enable the power button: PM1 enable register of QEMU's q35
    "baf803 b021 ee"  # say ! on the serial line
    "fb f4"  # again: sti; hlt
    "45 89e8 bb0080  8ec3 31ff b90080 f3ab 81eb0010 75f1"  # fill half a megabyte with the next number
    "ba0006 ed f6c401 751c"  # power button pressed? -> off
    "b401 cd16 74da"  # no key? -> again
    "30e4 cd16"  # al = the key
    "3c71 740e  3c70 7413  3c72 75ca"  # q -> off, p -> panic, anything but r -> again
    "b0fe e664 ebc4"  # reset by the keyboard controller
    "ba0406 b80020 ef ebbb"  # off: soft power off by the PM1 control register
    "ba0505 b001 ee ebb3"  # panic: tell pvpanic
)


def write_disk(path: Path) -> None:
    boot_sector = PROGRAM.ljust(510, b"\0") + b"\x55\xaa"
    path.write_bytes(boot_sector.ljust(DISK_BYTES, b"\0"))
