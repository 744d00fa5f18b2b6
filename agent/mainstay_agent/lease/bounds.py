"""Every number of the survival protocol, derived from one profile; pure.

The promise: with a profile that `check` accepts, an observer's verdict `dead` comes only after the last moment at which a write of a
guest of that host can land.  tests/prove shows each bound to be tight: one tick less, and two guests write.

Symbols, in seconds: R renewal period, V validity, W watchdog timeout, G kill grace, delta late-I/O bound, q poll of the observers,
H hold, rho clock-rate error (relative; two clocks may differ by 2 rho), L the moment at which a lease lapses on its owner's clock."""

from __future__ import annotations

from mainstay_proto.messages import LeaseProfile
from mainstay_proto.profiles import FAST as FAST  # the table is shared with the controller, which names one per cluster
from mainstay_proto.profiles import PROFILES as PROFILES
from mainstay_proto.profiles import STANDARD as STANDARD
from mainstay_proto.profiles import TOLERANT as TOLERANT
from mainstay_proto.profiles import outlast
from mainstay_runtime.errors import BadInput


def watchdog_reach(profile: LeaseProfile) -> float:
    """W(1+rho): a watchdog petted now has fired by then, on the host's own clock."""
    return profile.watchdog_seconds * (1 + profile.clock_error)


def may_pet(profile: LeaseProfile, now: float, lapses_at: float) -> bool:
    """t + W(1+rho) <= L.  A pet keeps guests alive for W more, so `the lease is valid now` would not be enough."""
    return now + watchdog_reach(profile) <= lapses_at


def kill_line(profile: LeaseProfile, lapses_at: float) -> float:
    """L - W(1+rho) - G: from here on guests are killed, with G left to see them gone before the last pet."""
    return lapses_at - profile.watchdog_seconds * (1 + profile.clock_error) - profile.kill_grace_seconds


def dead_after(profile: LeaseProfile) -> float:
    """T_dead = V(1+2rho) + 2 rho W + delta + 1 tick.

    The owner's guests are gone V after the *start* of the renewal that the observer saw, by a clock that may be 2 rho slower; the watchdog's
    own clock adds 2 rho W; writes on their way land for delta; and the tick makes `no later` into `earlier`.  The tick is one poll."""
    return outlast(profile, profile.validity_seconds)


def hold_over_after(profile: LeaseProfile) -> float:
    """How long after granting (or, unknowing, after beginning to lead) a controller waits: as T_dead, with H for V."""
    return outlast(profile, profile.hold_seconds)


def drained_after(profile: LeaseProfile) -> float:
    """From when the last guest was seen gone until its lease is dropped: delta, for what that guest wrote last, and the tick."""
    return profile.late_io_seconds + profile.poll_seconds


def claimed_after(profile: LeaseProfile) -> float:
    """How long a host looks at a slot that another boot wrote before it takes it over in a new generation.

    Two renewals tell an earlier boot of its own from a living twin; and what guests of that earlier boot wrote last must have landed."""
    return max(2 * profile.renew_seconds, drained_after(profile))


def takeover_after(profile: LeaseProfile) -> float:
    """From the last renewal to the verdict: the poll in which the value was first seen, then T_dead."""
    return dead_after(profile) + profile.poll_seconds


def rides_out(profile: LeaseProfile) -> float:
    """The storage stall that costs no guest, when it begins just before a renewal."""
    return kill_line(profile, profile.validity_seconds) - profile.renew_seconds


def sound_gap(profile: LeaseProfile) -> float:
    """A witness whose own renewals, or scans, paused for longer than half a validity saw too little to accuse another."""
    return profile.validity_seconds / 2


def view_age_max(profile: LeaseProfile) -> float:
    """Who asks counts on no answer from an older view than V/2, by a clock that may run rho faster than the observer's runs slow."""
    return sound_gap(profile) * (1 - 2 * profile.clock_error)


def check(profile: LeaseProfile, takeover_seconds: float | None = None) -> None:
    """Raise BadInput, naming the first bound that is broken.  `takeover_seconds`: what an operator wants to wait instead of T_dead."""
    for claim, holds in _claims(profile, takeover_seconds):
        if not holds:
            raise BadInput(f"lease profile {profile.name}: {claim}", profile=profile.name, bound=claim)


def _claims(profile: LeaseProfile, takeover_seconds: float | None) -> tuple[tuple[str, bool], ...]:
    needed = takeover_after(profile)
    renewals = profile.renew_seconds
    validity = profile.validity_seconds
    return (
        ("every duration must be above zero", min(_durations(profile)) > 0),
        ("clock_error must be within 0 and 0.01", 0 <= profile.clock_error <= 0.01),
        ("renew_seconds must be at most a quarter of validity_seconds", renewals <= validity / 4),
        ("watchdog_seconds must be at most a third of validity_seconds", profile.watchdog_seconds <= validity / 3),
        ("a guest must outlive one lost renewal: V - W(1+rho) - G >= 2 R", rides_out(profile) >= renewals),
        ("hold_seconds must be at least validity_seconds", profile.hold_seconds >= validity),
        (f"takeover must not come before {needed:.3f} s", takeover_seconds is None or takeover_seconds >= needed),
    )


def _durations(profile: LeaseProfile) -> tuple[float, ...]:
    return (
        profile.renew_seconds,
        profile.validity_seconds,
        profile.watchdog_seconds,
        profile.kill_grace_seconds,
        profile.late_io_seconds,
        profile.poll_seconds,
        profile.hold_seconds,
    )
