"""Stories of leases are told on virtual time."""

import pytest

from tests.kit.virtual_time import VirtualTimePolicy


@pytest.fixture
def event_loop_policy() -> VirtualTimePolicy:
    return VirtualTimePolicy()
