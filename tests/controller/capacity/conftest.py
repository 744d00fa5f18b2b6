"""These stories are told on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from tests.kit.virtual_time import VirtualTimePolicy


@pytest.fixture(scope="session")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return VirtualTimePolicy()
