"""The wires between hosts and controllers: streams as TCP keeps them, and pings.

The promise: a stream delivers in order or not at all.  What is lost is sent again and comes later; while a way is cut it waits, and neither end is
told.  A process that ends has its streams closed by its machine; a machine that dies says nothing, and is only found out by who
writes to it after it is up again.  So a message of an old stream can arrive after the first of a newer one, and an answer may never come."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Generic, TypeVar, cast

from mainstay_proto.messages import Down, Up
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.session import Stream
from tests.kit.simulation.loop import Process, is_of_the_living, sim_loop

Said = TypeVar("Said")
Heard = TypeVar("Heard")

CONNECT_SECONDS = 5.0
UNTAKEN_MAX = 256  # messages on the way in one direction; then the sender waits
SENT_AGAIN_SECONDS = 0.2
EVERYBODY = "*"

Serve = Callable[[Stream[Down, Up]], Awaitable[None]]


@dataclass(slots=True)
class Weather:
    """Of all ways at once."""

    latency_seconds: float = 0.0005
    jitter_seconds: float = 0.0
    loss: float = 0.0


@dataclass(eq=False, slots=True)
class Node:
    """A machine on the network.  `boot` counts its lives."""

    name: str
    is_up: bool = True
    boot: int = 0


@dataclass(frozen=True, slots=True)
class Listener:
    process: Process
    serve: Serve


class Network:
    def __init__(self, chance: Random) -> None:
        self.weather = Weather()
        self._nodes: dict[str, Node] = {}
        self._chance = chance
        self._cuts: Counter[tuple[str, str]] = Counter()
        self._listeners: dict[str, Listener] = {}
        self._waiting: list[tuple[TcpStream[Any, Any], object]] = []

    def node(self, name: str) -> Node:
        if name not in self._nodes:
            self._nodes[name] = Node(name)
        return self._nodes[name]

    def power(self, node: Node, on: bool) -> None:
        if node.is_up and not on:
            node.boot += 1
        node.is_up = on
        self._deliver_what_waited()

    # --- ways ---

    def is_open(self, source: str, target: str) -> bool:
        cuts = self._cuts
        if not cuts:
            return True
        return not (cuts[source, target] or cuts[source, EVERYBODY] or cuts[EVERYBODY, target])

    def cut(self, source: str, target: str) -> None:
        """One direction.  A way cut twice must be healed twice."""
        self._cuts[source, target] += 1

    def heal(self, source: str, target: str) -> None:
        self._cuts[source, target] -= 1
        self._cuts += Counter()  # without the zeros
        self._deliver_what_waited()

    def heal_all(self) -> None:
        self._cuts.clear()
        self.weather = Weather()
        self._deliver_what_waited()

    def wait(self, stream: TcpStream[Any, Any], message: object) -> None:
        self._waiting.append((stream, message))

    def _deliver_what_waited(self) -> None:
        waiting, self._waiting = self._waiting, []
        for stream, message in waiting:
            stream.arrive(message)

    def way_seconds(self) -> float:
        weather = self.weather
        seconds = weather.latency_seconds
        if weather.jitter_seconds:
            seconds += self._chance.uniform(0, weather.jitter_seconds)
        if weather.loss:
            pause = SENT_AGAIN_SECONDS
            while self._chance.random() < weather.loss:
                seconds += pause
                pause *= 2
        return seconds

    # --- pings ---

    def answers_ping(self, source: str, target: str) -> bool:
        """Tried a few times, so that it takes more than one lost packet to look dead."""
        node = self._nodes.get(target)
        if node is None or not node.is_up or not (self.is_open(source, target) and self.is_open(target, source)):
            return False
        return not (self.weather.loss and self._chance.random() < self.weather.loss**2)

    # --- streams ---

    def listen(self, name: str, process: Process, serve: Serve) -> None:
        self._listeners[name] = Listener(process, serve)

    @asynccontextmanager
    async def connect(self, source: Node, target: str) -> AsyncIterator[TcpStream[Up, Down]]:
        here: TcpStream[Up, Down] = TcpStream(self, source)
        there: TcpStream[Down, Up] = TcpStream(self, self.node(target))
        here.peer, there.peer = there, here
        opened = sim_loop().create_future()
        sim_loop().of_nobody_later(self.way_seconds(), self._dial, there, opened)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await opened
            yield here
        except TimeoutError as error:
            raise Unavailable(f"no connection within {CONNECT_SECONDS:g} s") from error
        finally:
            here.close()

    def _dial(self, there: TcpStream[Down, Up], opened: asyncio.Future[None]) -> None:
        """The kernel of the other machine answers; whether anybody there takes the call is another thing."""
        source, target = there.peer.node, there.node
        if opened.done() or not source.is_up or not target.is_up:
            return
        if not (self.is_open(source.name, target.name) and self.is_open(target.name, source.name)):
            return
        listener = self._listeners.get(target.name)
        if listener is None or not listener.process.alive:
            opened.set_exception(Unavailable("connection refused"))
        else:
            listener.process.spawn(self._take_call(listener, there, opened))

    async def _take_call(self, listener: Listener, there: TcpStream[Down, Up], opened: asyncio.Future[None]) -> None:
        try:
            if not opened.done():
                opened.set_result(None)
                await listener.serve(there)
        finally:
            there.close()


class TcpStream(Generic[Said, Heard]):
    """One end.  It belongs to a boot of its machine."""

    peer: TcpStream[Heard, Said]

    def __init__(self, network: Network, node: Node) -> None:
        self.node = node
        self._network = network
        self._boot = node.boot
        self._inbox: deque[object] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._wire: deque[object] = deque()  # in the order in which it was said, also what is said in one instant
        self._on_the_way = 0
        self._latest_arrival = 0.0
        self._closed = False
        self._is_over: Unavailable | None = None

    # --- for the process that has it open ---

    async def send(self, message: Said) -> None:
        while self._on_the_way >= UNTAKEN_MAX and self._is_over is None:
            self._writer = sim_loop().create_future()
            await self._writer
        if self._is_over is not None:
            raise self._is_over
        if is_of_the_living():
            self._put_on_the_way(message)

    async def receive(self) -> Heard:
        while not self._inbox:
            if self._is_over is not None:
                raise self._is_over
            self._reader = sim_loop().create_future()
            await self._reader
        self.peer.taken()
        return cast(Heard, self._inbox.popleft())

    def close(self) -> None:
        """By its process, or by the kernel for a process that ended."""
        if not self._closed:
            self._closed = True
            self._end("the stream is closed")
            self._put_on_the_way(_FIN)

    # --- the wire ---

    def _put_on_the_way(self, message: object) -> None:
        loop = sim_loop()
        arrival = max(self._latest_arrival, loop.time() + self._network.way_seconds())
        self._latest_arrival = arrival
        self._on_the_way += 1
        self._wire.append(message)
        loop.of_nobody_later(arrival - loop.time(), self._next_arrives)

    def _next_arrives(self) -> None:
        self.peer.arrive(self._wire.popleft())

    def arrive(self, message: object) -> None:
        source, target = self.peer.node, self.node
        if source.boot != self.peer._boot or not source.is_up:
            return  # what had not left the machine died with it
        if not target.is_up or not self._network.is_open(source.name, target.name):
            self._network.wait(self, message)
        elif target.boot != self._boot:
            self.peer.break_off("the other machine knows nothing of this stream")
        elif message is _FIN:
            self.break_off("the other side ended the stream")
        elif not self._closed:
            self._inbox.append(message)
            self._wake("_reader")

    def taken(self) -> None:
        self._on_the_way -= 1
        self._wake("_writer")

    def break_off(self, why: str) -> None:
        self._end(why)

    def _end(self, why: str) -> None:
        if self._is_over is None:
            self._is_over = Unavailable(why)
            self._wake("_reader")
            self._wake("_writer")

    def _wake(self, who: str) -> None:
        waiting = getattr(self, who)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


_FIN = object()
