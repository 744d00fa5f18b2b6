"""The link's stories run on virtual time."""

from __future__ import annotations

import pytest

from tests.kit.virtual_time import VirtualTimePolicy


@pytest.fixture
def event_loop_policy() -> VirtualTimePolicy:
    return VirtualTimePolicy()
