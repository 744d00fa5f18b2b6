"""The cloud in an operation's hands: everything an operation may take from outside, as its last argument."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from mainstay_controller.domain.ids import ControllerId
from mainstay_controller.domain.records import Setting
from mainstay_controller.domain.tunable import Scope
from mainstay_controller.fleet.fleet import Fleet
from mainstay_controller.operations.gathered import TOGETHER_MAX, Gathered
from mainstay_controller.operations.host_rounds import HostRounds
from mainstay_controller.operations.journal import Journal
from mainstay_controller.operations.master_key import MasterKey
from mainstay_controller.operations.proofs_known import ProofsKnown
from mainstay_controller.operations.settings import Settings
from mainstay_controller.store.port import Store
from mainstay_runtime.clock import Clock, Rng

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThisController:
    """Who we are among the controllers; `epoch` rises each time we join, so that what an earlier life claimed is told apart."""

    id: ControllerId
    epoch: int


@dataclass(slots=True, kw_only=True, eq=False)
class Cloud:
    """`settings` is what holds now, and `scoped` where it holds otherwise; both are replaced as a whole when an operator changes something
    (operations.tune): when other `setting_rows` are read.  The rest stays."""

    store: Store
    fleet: Fleet
    clock: Clock
    rng: Rng
    settings: Settings
    journal: Journal
    me: ThisController
    loop_lag_seconds: float = 0.0  # of our own event loop, at worst of late
    slowness: float = 1.0  # so many intervals pass between two beats as we hear them (domain.ha.suspicion.Hearing)
    is_leaving: bool = False  # prepared for a shutdown: takes no new jobs and no agents
    ca_pem: bytes | None = None  # our authority's certificate, for invitations; None where no agent enrols
    master_key: MasterKey | None = None  # opens what rows keep sealed; None: nothing is sealed
    scoped: Mapping[tuple[Scope, str], Mapping[str, Any]] = field(default_factory=dict)
    setting_rows: Sequence[Setting] | None = None
    proofs: ProofsKnown = field(default_factory=ProofsKnown)
    rounds: HostRounds = field(init=False)
    _gathered: dict[object, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rounds = HostRounds(self.store, self.journal)

    def gathered(
        self,
        answer_all: Callable[[Sequence[Question], Cloud], Awaitable[Sequence[Answer]]],
        together_max: int = TOGETHER_MAX,
    ) -> Gathered[Question, Answer]:
        """Who asks that function while it works is answered together with the others who do."""

        async def answer(questions: Sequence[Question]) -> Sequence[Answer]:
            return await answer_all(questions, self)

        if answer_all not in self._gathered:
            self._gathered[answer_all] = Gathered(answer, together_max)
        return cast(Gathered[Question, Answer], self._gathered[answer_all])

    def settings_in(self, scope: Scope, place_id: str) -> Settings:
        """What holds there: its own values, and for the rest those of the whole cloud."""
        own = self.scoped.get((scope, place_id))
        return replace(self.settings, **own) if own else self.settings
