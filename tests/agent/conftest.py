"""Real hypervisors for the agent's tests, started once and only when a test asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.needs import needs
from tests.kit.private_libvirtd import PARTS, PrivateLibvirtd, a_private_libvirtd


@pytest.fixture(scope="session")
def libvirtd() -> Iterator[PrivateLibvirtd]:
    needs(*PARTS)
    with a_private_libvirtd() as daemon:
        yield daemon


@pytest.fixture(scope="session")
def second_libvirtd() -> Iterator[PrivateLibvirtd]:
    needs(*PARTS)
    with a_private_libvirtd() as daemon:
        yield daemon
