"""What is tried: the protocol as it is, which nothing may break, and the protocol hurt, which must break.

Every bound is tried with one tick less, and every rule with the fault that it is there against.  A trial that goes the other way is a failure of the protocol
or of the model, and either way of the proof."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mainstay_proto.messages import LeaseProfile
from tests.prove.explore import explore
from tests.prove.spin import Search, Ticks, search
from tests.prove.world import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class SpinTrial:
    name: str
    must_break: bool
    ticks: Ticks
    defines: tuple[str, ...] = ()

    @property
    def tool(self) -> str:
        return "spin"

    def run(self) -> Search:
        return search(self.ticks, self.defines)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTrial:
    """The shipped keeper and observer."""

    name: str
    must_break: bool
    rules: Rules

    @property
    def tool(self) -> str:
        return "code"

    def run(self) -> Search:
        found = explore(self.rules)
        return Search(states=found.worlds, is_broken=found.way is not None)


Trial = SpinTrial | CodeTrial

PLAIN_GRID = (
    Ticks(),
    Ticks(V=4, SLIP=1),
    Ticks(V=4, W=2),
    Ticks(V=4, DELTA=2),
    Ticks(V=5, G=2),
    Ticks(V=5, W=2, DELTA=0, SLIP=1),
)
POISON_GRID = (Ticks(), Ticks(DELTA=2), Ticks(V=4, SLIP=1))
HOLD_GRID = (Ticks(), Ticks(DELTA=0, SLIP=1, H=5))
ROOMY = Ticks(V=5)  # a renewal begun just before L must still be young when the witness's patience is over
GONE_GRID = (Ticks(), Ticks(DELTA=2), Ticks(V=4, SLIP=1))
FAULTS = (
    ("a renewal counts from its acknowledgement", "END_COUNTS"),
    ("the witness trusts a stale view", "STALE_VIEW"),
    ("an order given under an older lease is obeyed", "ANY_ORDER"),
    ("a lapse leaves standing authority", "LASTING_AUTHORITY"),
    ("an acknowledgement prolongs a lease that is ending", "RESURRECTION"),
    ("a start in flight counts as gone", "HASTY_GONE"),
)
OFF_GRID = (Ticks(), Ticks(DELTA=2))
GONE_FAULTS = (
    ("a host's word waits for no answer of storage", "UNANSWERED"),
    ("a host's word waits for a write begun within delta of the end", "EARLY_ANSWER"),
)


def spin_trials() -> Iterator[SpinTrial]:
    for ticks in PLAIN_GRID:
        yield SpinTrial(name=f"sound: {ticks}", must_break=False, ticks=ticks)
        t_dead = f"T_DEAD={ticks.V + ticks.SLIP + ticks.DELTA}"
        for bound, less in (("T_dead", t_dead), ("pet", f"REACH={ticks.W - 1}"), ("drain", f"DRAINED={ticks.DELTA}")):
            yield SpinTrial(name=f"{bound} - 1 tick: {ticks}", must_break=True, ticks=ticks, defines=(less,))
    for ticks in POISON_GRID:
        yield SpinTrial(name=f"sound with poison: {ticks}", must_break=False, ticks=ticks, defines=("POISON",))
        less = f"DRAINED={ticks.DELTA}"
        yield SpinTrial(name=f"drain - 1 tick, poison: {ticks}", must_break=True, ticks=ticks, defines=("POISON", less))
    for ticks in HOLD_GRID:
        yield SpinTrial(name=f"sound with holds: {ticks}", must_break=False, ticks=ticks, defines=("HOLD",))
        less = f"HOLD_OVER={ticks.H + ticks.SLIP + ticks.DELTA}"
        yield SpinTrial(name=f"hold over - 1 tick: {ticks}", must_break=True, ticks=ticks, defines=("HOLD", less))
    for ticks in GONE_GRID:
        yield SpinTrial(name=f"sound with a host's own word: {ticks}", must_break=False, ticks=ticks, defines=("GONE",))
        less = f"WORD={ticks.DELTA}"
        yield SpinTrial(name=f"a host's word - 1 tick: {ticks}", must_break=True, ticks=ticks, defines=("GONE", less))
    for ticks in OFF_GRID:
        yield SpinTrial(name=f"sound with a host that is off: {ticks}", must_break=False, ticks=ticks, defines=("OFF",))
        less = f"HEARD={ticks.DELTA}"
        yield SpinTrial(
            name=f"a host that is off - 1 tick: {ticks}", must_break=True, ticks=ticks, defines=("OFF", less)
        )
    yield SpinTrial(
        name="a host that is off is believed though nobody saw its pool move since",
        must_break=True,
        ticks=Ticks(),
        defines=("OFF", "UNSEEN"),
    )
    for name, define in GONE_FAULTS:
        yield SpinTrial(name=name, must_break=True, ticks=Ticks(), defines=("GONE", define))
    for name, define in FAULTS:
        yield SpinTrial(name=name, must_break=True, ticks=ROOMY, defines=(define,))
    yield SpinTrial(
        name="a verdict from before a hold's end counts",
        must_break=True,
        ticks=Ticks(),
        defines=("HOLD", "OLD_VERDICT"),
    )


# R = 0: a renewal may begin at any time.  The tick of every bound is one poll.
PROFILE = LeaseProfile(
    name="ticks",
    renew_seconds=0,
    validity_seconds=3,
    watchdog_seconds=1,
    kill_grace_seconds=0,
    late_io_seconds=1,
    poll_seconds=1,
    hold_seconds=4,
    clock_error=0,
)
BRISK = replace(PROFILE, validity_seconds=2, late_io_seconds=0, hold_seconds=3)  # for holds, whose worlds are many
TICKLESS = replace(PROFILE, poll_seconds=0)
PLAIN = Rules(profile=PROFILE, witness=PROFILE, watchdog_ticks=1, late_ticks=1, hold_over_ticks=0)
HOLDS = Rules(profile=BRISK, witness=BRISK, watchdog_ticks=1, late_ticks=0, hold_over_ticks=4, holds=True)


def code_trials() -> Iterator[CodeTrial]:
    sound = {
        "sound": PLAIN,
        "sound, the daemon restarts": replace(PLAIN, restarts=True),
        "sound, the host reboots": replace(PLAIN, reboots=True),
        "sound with poison": replace(PLAIN, poison=True),
        "sound with holds": HOLDS,
    }
    hurt = {
        "T_dead - 1 tick": replace(PLAIN, witness=TICKLESS),
        "drain - 1 tick": replace(PLAIN, profile=TICKLESS),
        "a watchdog of 1 tick more than the profile says": replace(PLAIN, watchdog_ticks=2),
        "hold over - 1 tick": replace(HOLDS, hold_over_ticks=3),
        "a verdict from before a hold's end counts": replace(HOLDS, old_verdicts=True),
        "the witness trusts a stale view": replace(PLAIN, trusts_stale=True),
        "an order that names no generation is obeyed": replace(PLAIN, any_order=True),
    }
    for name, rules in sound.items():
        yield CodeTrial(name=name, must_break=False, rules=rules)
    for name, rules in hurt.items():
        yield CodeTrial(name=name, must_break=True, rules=rules)
