"""One suite, every driver: stories are run on each stand that has the abilities they are marked with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.agent.conformance.stand import Stand
from tests.kit.needs import needs
from tests.kit.private_libvirtd import PrivateLibvirtd

EVERYWHERE = frozenset({"inside", "outsider", "agent-restart", "volumes"})
ABILITIES = {
    "simulated": EVERYWHERE | {"crash", "hang", "daemon-restart", "media", "hot-plug", "migrate", "screens"},
    "libvirt-mock": EVERYWHERE,
    "qemu": EVERYWHERE | {"crash", "hang", "daemon-restart", "media", "hot-plug", "migrate", "screens"},
}
MARKS = {"simulated": [], "libvirt-mock": [], "qemu": [pytest.mark.lab]}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ability(name): only for stands that can do this")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    wanted = {name for mark in metafunc.definition.iter_markers("ability") for name in mark.args}
    for fixture in {"stand", "pair"} & set(metafunc.fixturenames):
        able = [pytest.param(name, marks=MARKS[name]) for name, abilities in ABILITIES.items() if wanted <= abilities]
        metafunc.parametrize(fixture, able, indirect=True)


@pytest_asyncio.fixture
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stand]:
    async with STANDS[request.param](request, tmp_path) as stand:
        yield stand


@pytest_asyncio.fixture
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Stand, Stand]]:
    """Two hosts between which guests can move: source and target."""
    async with PAIRS[request.param](request, tmp_path) as pair:
        yield pair


# A stand is imported when it is used: a driver may be absent, or need a library that is.


def _simulated(_request: pytest.FixtureRequest, _directory: Path) -> AbstractAsyncContextManager[Any]:
    from tests.agent.conformance.stand_simulated import simulated_stand

    return simulated_stand()


def _libvirt_mock(_request: pytest.FixtureRequest, directory: Path) -> AbstractAsyncContextManager[Any]:
    needs("python:libvirt")
    from tests.agent.conformance.stand_libvirt import mock_stand

    return mock_stand(directory)


def _qemu(request: pytest.FixtureRequest, directory: Path) -> AbstractAsyncContextManager[Any]:
    daemon: PrivateLibvirtd = request.getfixturevalue("libvirtd")
    from tests.agent.conformance.stand_libvirt import qemu_stand

    return qemu_stand(directory, daemon)


def _simulated_pair(_request: pytest.FixtureRequest, _directory: Path) -> AbstractAsyncContextManager[Any]:
    from tests.agent.conformance.stand_simulated import simulated_pair

    return simulated_pair()


def _qemu_pair(request: pytest.FixtureRequest, directory: Path) -> AbstractAsyncContextManager[Any]:
    daemons = request.getfixturevalue("libvirtd"), request.getfixturevalue("second_libvirtd")
    from tests.agent.conformance.stand_libvirt import qemu_pair

    return qemu_pair(directory, daemons)


STANDS = {"simulated": _simulated, "libvirt-mock": _libvirt_mock, "qemu": _qemu}
PAIRS = {"simulated": _simulated_pair, "qemu": _qemu_pair}
