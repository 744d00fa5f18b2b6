"""One lab and one cloud for all stories.  A story that fails takes them with it, and the next one gets new ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator

import pytest
import pytest_asyncio

from mainstay_cli.lab.cloud import LabCloud
from tests.kit.needs import needs
from tests.lab.stage import Stage

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
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage() -> AsyncIterator[Stage]:
    needs(*PARTS)
    stage = Stage()
    yield stage
    await stage.strike()


@pytest_asyncio.fixture(loop_scope="session")
async def cloud(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[LabCloud]:
    """Every story begins with all hosts Up and no guest, and ends with the tapes of its guests read."""
    yield await stage.set()
    if request.node.stash.get(FAILED, True):
        await stage.abandon()
    else:
        await stage.clear()
