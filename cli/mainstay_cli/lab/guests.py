"""What a lab guest is made of: enough memory for Debian's cloud kernel, and a command line that tells it whose order it obeys."""

from __future__ import annotations

MEMORY_MIB = 96
KERNEL_ARGUMENTS = "console=ttyS0 quiet nokaslr mainstay.epoch={epoch} mainstay.host={host}"
