"""Controllers as processes: each is put together as the shipped one is, on a store and wires that fail on command.

A controller that ends - killed, or of its own accord when it is superseded - is started again some seconds later under the same id."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar, cast

from mainstay_controller.domain.ids import ControllerId
from mainstay_controller.fleet.fleet import Fleet
from mainstay_controller.fleet.power.port import PowerControllers
from mainstay_controller.main import assembly
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.membership import Superseded, join, look_for_peers
from mainstay_controller.operations.settings import Settings
from mainstay_controller.rpc.admission import Admission
from mainstay_controller.rpc.enrolment import Enrolment
from mainstay_controller.rpc.sessions import Sessions
from mainstay_controller.store.port import OutcomeUnknown, Store, Unreachable
from mainstay_proto.messages import Command, CommandResult, Down, Mounts, Up
from mainstay_proto.peers import Pictures, PicturesWanted
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.identity import PeerIdentity, Role
from mainstay_runtime.session import Stream
from mainstay_runtime.tasks import Work, background
from tests.kit.enrolment_book import MemoryBook
from tests.kit.simulation.clocks import MachineClock, pause
from tests.kit.simulation.database import Database, SimulatedStore, Trouble
from tests.kit.simulation.loop import Process, is_of_the_living, nobodys, sim_loop
from tests.kit.simulation.machines import Broke
from tests.kit.simulation.network import Network, TcpStream
from tests.kit.virtual_time import BEGINNING, SeededRng

T = TypeVar("T")

RESTART_SECONDS = 3.0
TELL_SECONDS = 2.0  # as mainstay_controller.rpc.peers
ANSWER_MARGIN_SECONDS = 2.0
EXPECTED_ENDS = (Superseded, Unreachable, OutcomeUnknown)
ADDRESS = "{}:8250"
COPY_OF = "copy of "
"""So begins the name of a machine that shows the identity of another."""


class WireRelay:
    """fleet.elsewhere.Relay: one controller's way to the others."""

    def __init__(self, mine: ControllerHost, others: Mapping[str, ControllerHost], network: Network) -> None:
        self._mine = mine
        self._others = others
        self._network = network

    async def perform(self, address: str, command: Command) -> CommandResult:
        seconds = command.deadline_seconds + ANSWER_MARGIN_SECONDS
        return await self._ask(address, lambda fleet: fleet.carry_out(command), seconds)

    async def orient(self, address: str, mounts: Mounts) -> bool:
        async def pass_on(fleet: Fleet) -> bool:
            return fleet.pass_on(mounts)

        return await self._ask(address, pass_on, TELL_SECONDS)

    async def tell(self, address: str, wanted: PicturesWanted) -> Pictures:
        async def tell(fleet: Fleet) -> Pictures:
            return fleet.tell(wanted)

        return await self._ask(address, tell, TELL_SECONDS)

    async def _ask(self, address: str, question: Callable[[Fleet], Awaitable[T]], seconds: float) -> T:
        other = self._others[address.partition(":")[0]]
        answer = sim_loop().create_future()
        sim_loop().of_nobody_later(self._network.way_seconds(), self._ring, other, question, answer)
        try:
            async with asyncio.timeout(seconds):
                return cast(T, await answer)
        except TimeoutError as error:
            raise Unavailable(f"{other.name} did not answer within {seconds:g} s") from error

    def _ring(
        self, other: ControllerHost, question: Callable[[Fleet], Awaitable[T]], answer: asyncio.Future[T]
    ) -> None:
        if self._network.is_open(self._mine.name, other.name) and not answer.done():
            if other.cloud is None or other.process is None or not other.process.alive:
                answer.set_exception(Unavailable(f"{other.name} is not there"))
            else:
                other.process.spawn(self._answer(other, other.cloud.fleet, question, answer))

    async def _answer(
        self,
        other: ControllerHost,
        fleet: Fleet,
        question: Callable[[Fleet], Awaitable[T]],
        answer: asyncio.Future[T],
    ) -> None:
        said = await question(fleet)
        if is_of_the_living() and self._network.is_open(other.name, self._mine.name):
            sim_loop().of_nobody_later(self._network.way_seconds(), arrive, answer, said)


def arrive(answer: asyncio.Future[T], said: T) -> None:
    if not answer.done():
        answer.set_result(said)


class ControllerHost:
    """One controller and its machine.  `cloud` is that of its present life, if it lives."""

    def __init__(
        self,
        name: str,
        network: Network,
        database: Database,
        *,
        clock: MachineClock,
        rng: SeededRng,
        settings: Settings,
        power: PowerControllers,
        agents: tuple[str, ...],
        broke: Broke,
    ) -> None:
        self.name = name
        self.clock = clock
        self.way_to_database = Trouble()
        self.process: Process | None = None
        self.cloud: Cloud | None = None
        self._network = network
        self._database = database
        self._rng = rng
        self._settings = settings
        self._power = power
        self._agents = agents
        self._broke = broke
        self.loops: Callable[[Cloud], list[Work]] = assembly.loops
        self._others: Mapping[str, ControllerHost] = {}
        self._is_on = asyncio.Event()
        self._is_on.set()

    def meet(self, others: Mapping[str, ControllerHost]) -> None:
        """All controllers by name."""
        self._others = others

    def switch(self, on: bool) -> None:
        """Off: it is killed, and stays away."""
        if on:
            self._is_on.set()
        else:
            self._is_on.clear()
            if self.process is not None and self.process.alive:
                self.process.kill()

    def start(self) -> None:
        nobodys(sim_loop().create_task, self._keep_running())

    def lives(self) -> bool:
        return self.cloud is not None and self.process is not None and self.process.alive

    async def _keep_running(self) -> None:
        while True:
            process = self.process = Process(self.name)
            ended = process.start(self._live(process))
            await asyncio.wait((ended,))
            self.cloud = None
            error = None if ended.cancelled() else ended.exception()
            if process.alive and not is_expected(error):
                self._broke(self.name, error or RuntimeError("it ended"))
            process.alive = False
            await pause(RESTART_SECONDS)
            await self._is_on.wait()

    async def _live(self, process: Process) -> None:
        store = cast(Store, SimulatedStore(self._database, self.way_to_database))
        address = ADDRESS.format(self.name)
        seconds = self._settings.controller_lease_seconds
        me = await join(store, ControllerId(self.name), self.name, address, seconds)
        cloud = assembly.a_cloud(store, me, self._settings, clock=self.clock, rng=self._rng, power=self._power)
        cloud.fleet.hear_through(WireRelay(self, self._others, self._network), partial(look_for_peers, cloud))
        await assembly.open_to_agents(cloud)
        sessions = self._sessions(cloud)

        async def serve(stream: Stream[Down, Up]) -> None:
            caller = cast(TcpStream[Down, Up], stream).peer.node.name
            await sessions.serve(certificate_of(caller.removeprefix(COPY_OF)), stream)

        self._network.listen(self.name, process, serve)
        self.cloud = cloud
        async with background(*self.loops(cloud), sessions.keep_pulse, sessions.keep_out_the_revoked):
            await sim_loop().create_future()

    def _sessions(self, cloud: Cloud) -> Sessions:
        book = MemoryBook()
        for agent_id in self._agents:
            book.know(agent_id)
        no_enrolment = cast(Enrolment, None)  # certificates are good for ever here
        return Sessions(
            sink=cloud.fleet, book=book, enrolment=no_enrolment, admission=Admission(self.clock), clock=self.clock
        )


def certificate_of(agent_id: str) -> PeerIdentity:
    return PeerIdentity(role=Role.AGENT, id=agent_id, serial="1", not_after=BEGINNING.replace(year=2100))


def is_expected(error: BaseException | None) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(is_expected(each) for each in error.exceptions)
    return isinstance(error, EXPECTED_ENDS)
