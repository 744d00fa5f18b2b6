"""What does a session cost the controller, beside the barest gRPC server that could hold it?

    python -m tests.bench.session_bench --agents 500 --beats-per-second 500 --seconds 10

Agents, controller and floor are processes of their own on this machine.  The floor is a grpc.aio server with the same TLS and options that
reads bytes and drops them.  Reported are the server's CPU time per heartbeat, its memory per session, how long it took to let
all agents in, and each as a ratio to the floor; the ratios are what may be compared between machines."""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import resource
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, fields
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import grpc.aio

from mainstay_agent.link.over_grpc import SESSION
from mainstay_controller.fleet.sessions import AgentSession
from mainstay_controller.rpc.admission import Admission
from mainstay_controller.rpc.enrolment import Enrolment
from mainstay_controller.rpc.pace import Pace
from mainstay_controller.rpc.server import OPTIONS, Doors, serving
from mainstay_controller.rpc.sessions import Sessions
from mainstay_proto import codec
from mainstay_proto.messages import Heartbeat, PoolLease, Up
from mainstay_runtime import channel
from mainstay_runtime.clock import SystemClock, SystemRng
from mainstay_runtime.identity import Identity, Role
from tests.kit.authorities import authority_in
from tests.kit.enrolment_book import MemoryBook
from tests.kit.sessions import RecordingFleet, a_hello, a_welcome

CLOCK, RNG = SystemClock(), SystemRng()
LEASE = PoolLease(pool_id=RNG.uuid(), generation=1, sequence=1, valid=True, age_seconds=0.5, remaining_seconds=9.5)
BEAT = codec.up.encode(Heartbeat(host_id=RNG.uuid(), sequence=1, digest=2**63, leases=(LEASE,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one server process so far."""

    beats: int
    cpu_seconds: float
    memory_kib: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    admission_seconds: float
    beats_per_second: float
    cpu_microseconds_per_beat: float
    memory_kib_per_session: float


class CountingFleet(RecordingFleet):
    def __init__(self) -> None:
        super().__init__()
        self.beats = 0

    async def received(self, session: AgentSession, up: Up) -> None:
        self.beats += 1


def figures(beats: int) -> Figures:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return Figures(beats=beats, cpu_seconds=usage.ru_utime + usage.ru_stime, memory_kib=usage.ru_maxrss)


async def answer_questions(questions: Connection, beats: Callable[[], int]) -> None:
    """For ever."""
    questions.send("ready")
    while True:
        await asked(questions)
        questions.send(figures(beats()))


async def asked(questions: Connection) -> None:
    """Returns at the next question.  A process is told to stop, and stops the hard way: gRPC can deadlock when very many calls end
    together with their loop."""
    while not questions.poll():  # noqa: ASYNC110 - a pipe of multiprocessing cannot be awaited
        await asyncio.sleep(0.05)
    if questions.recv() == "stop":
        os._exit(0)


async def controller(directory: Path, port: int, agents: int, questions: Connection) -> None:
    fleet, book = CountingFleet(), MemoryBook()
    for number in range(agents):
        book.know(f"agent-{number}")
    authority = authority_in(directory / "ca.pem", CLOCK, RNG)
    enrolment = Enrolment(authority, book, Admission(CLOCK))
    admission = Admission(CLOCK, pace=Pace.fixed(1e6), burst=agents)
    sessions = Sessions(sink=fleet, book=book, enrolment=enrolment, admission=admission, clock=CLOCK)
    doors = Doors(controller_id="c1", authority=authority, enrolment=enrolment, sessions=sessions, book=book)
    async with serving(doors, host="127.0.0.1", port=port):
        await answer_questions(questions, lambda: fleet.beats)


async def floor(directory: Path, port: int, _agents: int, questions: Connection) -> None:
    beats = 0

    async def hold(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        nonlocal beats
        await anext(requests)
        await context.write(codec.down.encode(a_welcome()))
        async for _ in requests:
            beats += 1

    service, _, method = SESSION.lstrip("/").partition("/")
    handler = grpc.method_handlers_generic_handler(service, {method: grpc.stream_stream_rpc_method_handler(hold)})
    own = authority_in(directory / "ca.pem", CLOCK, RNG).identity_for(Role.CONTROLLER, "c1")
    credentials = grpc.ssl_server_credentials([(own.key_pem, own.certificate_pem)], own.ca_pem, True)
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers([handler])
    server.add_secure_port(f"127.0.0.1:{port}", credentials)
    await server.start()
    await answer_questions(questions, lambda: beats)


async def one_agent(port: int, held: Identity, number: int, every_seconds: float, opened: asyncio.Semaphore) -> None:
    credentials = grpc.ssl_channel_credentials(held.ca_pem, held.key_pem, held.certificate_pem)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, channel.OPTIONS) as line:
        call: grpc.aio.StreamStreamCall[bytes, bytes] = line.stream_stream(SESSION)()
        await call.write(codec.up.encode(a_hello(f"agent-{number}")))
        await call.read()
        opened.release()
        await asyncio.sleep(RNG.uniform(0, every_seconds))
        while True:
            await call.write(BEAT)
            await asyncio.sleep(every_seconds)


async def agents_of(directory: Path, port: int, agents: int, every_seconds: float, questions: Connection) -> None:
    authority = authority_in(directory / "ca.pem", CLOCK, RNG)
    held = [authority.identity_for(Role.AGENT, f"agent-{number}") for number in range(agents)]
    opened = asyncio.Semaphore(0)
    began = CLOCK.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, identity in enumerate(held):
            group.create_task(one_agent(port, identity, number, every_seconds, opened))
        for _ in range(agents):
            await opened.acquire()
        questions.send(CLOCK.monotonic() - began)
        await asked(questions)


def run(serve: Callable[..., Coroutine[None, None, None]], args: argparse.Namespace) -> Run:
    spawn = multiprocessing.get_context("spawn")
    with TemporaryDirectory() as directory:
        authority_in(Path(directory) / "ca.pem", CLOCK, RNG)
        server, servers_end = spawn.Pipe()
        crowd, crowds_end = spawn.Pipe()
        every_seconds = args.agents / args.beats_per_second
        children = [
            spawn.Process(target=_run, args=(serve, Path(directory), args.port, args.agents, servers_end)),
            spawn.Process(
                target=_run, args=(agents_of, Path(directory), args.port, args.agents, every_seconds, crowds_end)
            ),
        ]
        children[0].start()
        servers_end.close()
        server.recv()
        empty = ask(server)
        children[1].start()
        crowds_end.close()
        admission_seconds = crowd.recv()
        before = ask(server)
        time.sleep(args.seconds)
        after = ask(server)
        for end, child in ((crowd, children[1]), (server, children[0])):
            end.send("stop")
            child.join()
    beats = after.beats - before.beats
    return Run(
        admission_seconds=admission_seconds,
        beats_per_second=beats / args.seconds,
        cpu_microseconds_per_beat=1e6 * (after.cpu_seconds - before.cpu_seconds) / beats,
        memory_kib_per_session=(after.memory_kib - empty.memory_kib) / args.agents,
    )


def _run(work: Callable[..., Coroutine[None, None, None]], *args: object) -> None:
    asyncio.run(work(*args))


def ask(server: Connection) -> Figures:
    server.send("figures")
    answer = server.recv()
    assert isinstance(answer, Figures)
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=500)
    parser.add_argument("--beats-per-second", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--port", type=int, default=18250)
    args = parser.parse_args()
    bare, ours = run(floor, args), run(controller, args)
    print(f"{args.agents} agents, {args.beats_per_second:g} heartbeats/s asked for")
    print(f"{'':28}{'controller':>12}{'floor':>12}{'ratio':>8}")
    for field in fields(Run):
        mine, least = getattr(ours, field.name), getattr(bare, field.name)
        print(f"{field.name:28}{mine:12.2f}{least:12.2f}{mine / least:8.2f}")


if __name__ == "__main__":
    main()
