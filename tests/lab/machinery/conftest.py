"""One lab of three hosts for each file of stories."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from mainstay_cli.lab.lab import Lab, lab_of
from tests.kit.needs import needs

PARTS = (
    "root",
    "libvirtd",
    "qemu-system-x86_64",
    "ipmi_sim",
    "ipmitool",
    "gcc",
    "pkg-config",
    "/dev/fuse",
    "/bin/busybox",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab() -> AsyncIterator[Lab]:
    needs(*PARTS)
    async with lab_of(3) as lab:
        yield lab


@pytest_asyncio.fixture(autouse=True)
async def whole(lab: Lab) -> AsyncIterator[None]:
    """Every story begins with all hosts up, and all cables and pools whole."""
    yield
    for host in lab.hosts:
        await host.repair()
