"""One VM, its old host A with the shipped keeper, one witness with the shipped observer, and whoever leads the controllers; time in ticks.

The world of takeover.pml once more, but A's lease and the witness's verdict are the functions that ship, as machines.  Nothing but the watchdog's firing is
ever forced: what is not done is paused, lost or late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mainstay_proto.messages import LeaseProfile
from tests.prove.machines import (
    BOOT,
    EARLY,
    NEXT_BOOT,
    POOL,
    Effects,
    KeeperInput,
    KeeperMachine,
    Look,
    SlotRead,
    WitnessMachine,
    a_booted_keeper,
    a_keeper,
    a_witness,
    keeper_machine,
    witness_machine,
)

NONE, IN_FLIGHT, RUNS = 0, 1, 2  # A's guest; in flight: the hypervisor may start it at any time
UNARMED = DOWN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What one exploration allows, and how it is hurt."""

    profile: LeaseProfile  # of A
    witness: LeaseProfile
    watchdog_ticks: int  # how long the real watchdog takes
    late_ticks: int  # how long a write may really be on its way
    hold_over_ticks: int  # what the controller waits after a grant
    poison: bool = False
    holds: bool = False
    restarts: bool = False  # of the lease daemon
    reboots: bool = False
    old_verdicts: bool = False  # fault: a verdict from before the end of a hold is used
    trusts_stale: bool = False  # fault: the witness does not read its own slot back
    any_order: bool = False  # fault: the order names no generation


class World(NamedTuple):
    keeper: int  # the number of its state; DOWN: A is down
    witness: int
    may_run: bool = False  # by A's ledger, or by standing authority
    dog: int = UNARMED  # ticks until it fires
    guest: int = NONE
    late: int = 0  # ticks for which its last write may still land
    order: bool = True
    boot: str = BOOT
    flight: int = 0  # generation of the renewal on its way; 0: none
    landed: bool = False
    written: int = EARLY  # generation in A's slot
    written_by: str = BOOT
    moved: bool = True  # since the witness saw it
    poison: int = 0  # generation meant; 0: none
    asked: bool = False
    grant: bool = False
    outstanding: int = 0
    dead: bool = False
    released: bool = False
    b_runs: bool = False

    @property
    def is_broken(self) -> bool:
        return self.b_runs and (self.guest == RUNS or self.late > 0)

    @property
    def is_harmless(self) -> bool:
        """Nothing of A can write any more, nor come to run."""
        return not (self.order or self.may_run or self.guest or self.late)


Move = tuple[str, World]


class Universe:
    """Every world that may come of the first one under these rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._keepers: KeeperMachine = keeper_machine(() if rules.any_order else ((POOL, EARLY),))
        self._witnesses: WitnessMachine = witness_machine(reads_back=not rules.trusts_stale)

    def first(self) -> World:
        return World(
            keeper=self._keepers.number(a_keeper(self._rules.profile)),
            witness=self._witnesses.number(a_witness(self._rules.witness)),
            dog=self._rules.watchdog_ticks,
        )

    def moves(self, world: World) -> Iterator[Move]:
        if world.dog == 0:
            yield "the watchdog fires", self._dies(world)
        elif not world.is_harmless:
            yield "a tick passes", self._a_tick_later(world)
        if world.flight and not world.landed:
            written_by = world.boot if world.keeper != DOWN else world.written_by
            yield (
                "the renewal lands",
                world._replace(landed=True, moved=True, written=world.flight, written_by=written_by),
            )
        if not world.b_runs:
            yield from self._witness(world)
            yield from self._controllers(world)
        if world.keeper != DOWN:
            yield "A loses power", self._dies(world)
            yield from self._daemon(world)
            yield from self._guest(world)
        elif self._rules.reboots and not world.flight:
            booted = self._keepers.number(a_booted_keeper(self._rules.profile))
            yield "A boots", world._replace(keeper=booted, boot=NEXT_BOOT)

    # --- A ------------------------------------------------------------------------------------------------------------------

    def _daemon(self, world: World) -> Iterator[Move]:
        yield "the keeper ticks", self._kept(world, "tick")
        read = SlotRead(world.written_by, world.written, world.poison)
        yield "A reads its slot", self._kept(world, read)
        if not world.flight:
            yield "a renewal begins", self._kept(world, "renew")
        else:
            unheard = world._replace(flight=0, landed=False)
            if world.landed:
                yield "the renewal is acknowledged", self._kept(unheard, "acknowledged")
            yield "the renewal fails", self._kept(unheard, "failed")
        if world.grant:
            yield "the hold is received", self._kept(world._replace(grant=False), "hold")
        if world.asked or world.grant:
            yield "a message is lost", self._kept(world._replace(asked=False, grant=False), "a message is lost")
        if self._rules.restarts:
            quiet = world._replace(flight=0, landed=False, asked=False, grant=False)
            yield "the daemon restarts", self._kept(quiet, "the daemon restarts")

    def _guest(self, world: World) -> Iterator[Move]:
        if world.guest == IN_FLIGHT:
            yield "the hypervisor starts the guest", world._replace(guest=RUNS)
        if world.guest == RUNS:
            yield "the guest dies", self._guest_dies(world)
            yield "running is confirmed", self._kept(world, "running")
        else:
            yield "no process is seen", self._kept(world, "no process")
        if world.guest == NONE:
            yield "gone is confirmed", self._kept(world, "gone")
            if world.order:
                yield "the order arrives", self._kept(world._replace(order=False), "order")
            yield "the guest is restarted", self._kept(world, "restart the guest")

    def _kept(self, world: World, given: KeeperInput) -> World:
        keeper, effects = self._keepers.step(world.keeper, given)
        return self._affected(world._replace(keeper=keeper), effects)

    def _affected(self, world: World, effects: Effects) -> World:
        world = world._replace(may_run=effects.may_run)
        if effects.petted:
            world = world._replace(dog=self._rules.watchdog_ticks)
        if effects.wrote:
            world = world._replace(flight=effects.wrote, landed=False)
        if effects.asked and self._rules.holds:
            world = world._replace(asked=True, grant=False)
        if effects.granted:
            world = world._replace(guest=IN_FLIGHT)
        return world

    def _guest_dies(self, world: World) -> World:
        late = self._rules.late_ticks + 1 if world.guest == RUNS else world.late
        return world._replace(guest=NONE, late=late)

    def _dies(self, world: World) -> World:
        return self._guest_dies(world)._replace(
            keeper=DOWN, may_run=False, dog=UNARMED, asked=False, grant=False, boot=NEXT_BOOT
        )

    # --- the others -----------------------------------------------------------------------------------------------------------

    def _witness(self, world: World) -> Iterator[Move]:
        yield "the witness looks", self._looked(world, Look(world.moved, world.written))._replace(moved=False)
        if world.moved:
            yield "the witness sees a stale view", self._looked(world, Look(True, EARLY, is_stale=True))

    def _looked(self, world: World, look: Look) -> World:
        witness, verdict = self._witnesses.step(world.witness, look)
        counts = not world.outstanding or self._rules.old_verdicts
        return world._replace(
            witness=witness,
            dead=world.dead or (verdict.dead and counts),
            released=world.released or verdict.released,
        )

    def _controllers(self, world: World) -> Iterator[Move]:
        if self._rules.poison:
            yield "the slot is poisoned", world._replace(poison=world.written)
        if world.asked:
            dead = world.dead and self._rules.old_verdicts
            over = self._rules.hold_over_ticks
            yield "a hold is granted", world._replace(asked=False, grant=True, outstanding=over, dead=dead)
        if self._rules.holds:
            yield "another controller leads", world._replace(outstanding=self._rules.hold_over_ticks, dead=False)
        if (world.dead and not world.outstanding) or world.released:
            yield "B runs the VM", world._replace(b_runs=True, outstanding=0, dead=False, released=False, poison=0)

    def _a_tick_later(self, world: World) -> World:
        keeper, effects = (DOWN, None) if world.keeper == DOWN else self._keepers.step(world.keeper, "a tick passes")
        witness, _ = (world.witness, None) if world.b_runs else self._witnesses.step(world.witness, "a tick passes")
        return world._replace(
            keeper=keeper,
            witness=witness,
            may_run=effects.may_run if effects else False,
            dog=world.dog if world.dog == UNARMED else world.dog - 1,
            late=max(0, world.late - 1),
            outstanding=max(0, world.outstanding - 1),
        )
