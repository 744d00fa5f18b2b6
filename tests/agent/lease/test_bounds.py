"""The numbers of the survival protocol."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay_agent.lease import bounds
from mainstay_proto.messages import LeaseProfile
from mainstay_runtime.errors import BadInput


@pytest.mark.parametrize(
    ("profile", "takeover_seconds", "stall_seconds"),
    [(bounds.FAST, 13.1, 4), (bounds.STANDARD, 27.1, 12), (bounds.TOLERANT, 94, 60)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_profiles_keep_what_the_design_promises(
    profile: LeaseProfile, takeover_seconds: float, stall_seconds: float
) -> None:
    bounds.check(profile)

    assert bounds.takeover_after(profile) <= takeover_seconds
    assert bounds.rides_out(profile) == pytest.approx(stall_seconds, abs=0.02)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"renew_seconds": 2.6}, "quarter of validity"),
        ({"watchdog_seconds": 3.4}, "third of validity"),
        ({"kill_grace_seconds": 5.5}, "outlive one lost renewal"),
        ({"hold_seconds": 9}, "hold_seconds must be at least"),
        ({"late_io_seconds": 0}, "above zero"),
        ({"clock_error": 0.5}, "clock_error"),
    ],
)
def test_a_profile_that_breaks_a_bound_is_refused_by_its_name(changes: dict[str, float], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        bounds.check(replace(bounds.FAST, **changes))  # type: ignore[arg-type]


def test_a_takeover_before_the_derived_bound_is_refused() -> None:
    needed = bounds.takeover_after(bounds.FAST)

    bounds.check(bounds.FAST, takeover_seconds=needed)
    with pytest.raises(BadInput, match="takeover must not come before"):
        bounds.check(bounds.FAST, takeover_seconds=needed - 0.01)


@given(validity=st.floats(1, 200), watchdog_share=st.floats(0.01, 1 / 3), clock_error=st.floats(0, 0.01))
def test_whoever_waits_t_dead_outlasts_the_last_write_however_the_clocks_err(
    validity: float, watchdog_share: float, clock_error: float
) -> None:
    """Times are real ones, from the start of the last renewal; the tick of one poll also swallows what is of second order in rho."""
    profile = replace(
        bounds.FAST,
        validity_seconds=validity,
        watchdog_seconds=validity * watchdog_share,
        clock_error=clock_error,
    )
    slow, hasty = 1 - clock_error, 1 + clock_error

    last_pet = (validity - bounds.watchdog_reach(profile)) / slow
    last_write = last_pet + profile.watchdog_seconds / slow + profile.late_io_seconds
    verdict = bounds.dead_after(profile) / hasty

    assert last_write < verdict
