"""The lease profiles both sides know by name; the bounds that each must keep are checked by mainstay_agent.lease.bounds.

H = 2 V in all three.  A host asks again every R, so it always holds nearly H: when the controller that granted dies, V is enough for
another one to lead and grant, and V is left.  More would only delay a new leader, who waits H for the grants it cannot know."""

from __future__ import annotations

from mainstay_proto.messages import LeaseProfile

FAST = LeaseProfile(
    name="fast",
    renew_seconds=1,
    validity_seconds=10,
    watchdog_seconds=3,
    kill_grace_seconds=2,
    late_io_seconds=2,
    poll_seconds=0.5,
    hold_seconds=20,
)
STANDARD = LeaseProfile(
    name="standard",
    renew_seconds=2,
    validity_seconds=24,
    watchdog_seconds=6,
    kill_grace_seconds=4,
    late_io_seconds=2,
    poll_seconds=0.5,
    hold_seconds=48,
)
TOLERANT = LeaseProfile(
    name="tolerant",
    renew_seconds=5,
    validity_seconds=90,
    watchdog_seconds=15,
    kill_grace_seconds=10,
    late_io_seconds=2,
    poll_seconds=0.5,
    hold_seconds=180,
)
PROFILES = {profile.name: profile for profile in (FAST, STANDARD, TOLERANT)}


def delta_by_any_clock(profile: LeaseProfile) -> float:
    """Seconds after which a write of another machine's, on its way to a pool that moves, has certainly landed."""
    return profile.late_io_seconds * (1 + 2 * profile.clock_error)


def outlast(profile: LeaseProfile, promised_seconds: float) -> float:
    """How long to wait until a promise of that length, kept by another clock and followed by the last write on its way, is certainly over."""
    skew = 2 * profile.clock_error * (promised_seconds + profile.watchdog_seconds)
    return promised_seconds + skew + profile.late_io_seconds + profile.poll_seconds
