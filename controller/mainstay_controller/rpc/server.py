"""The gRPC doors of a controller: sessions with mutual TLS on one port, enrolment with server TLS on the next.

Two ports, for Python's gRPC can demand a client certificate or not ask for one, and nothing between.  On 8250 nobody speaks without a
certificate of this cloud; on 8251 those speak who have none yet, or none that TLS accepts any more.

The controller's own certificate is made at every start, its key never leaves the memory, and it is valid as long as the authority: changing it under a
running server is a use after free in gRPC (grpc/grpc#36693), which a storm of agents turns into a crash."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import grpc
import grpc.aio

from mainstay_controller.fleet.enrolment import EnrolmentBook
from mainstay_controller.fleet.fleet import Fleet
from mainstay_controller.rpc.authority import Authority
from mainstay_controller.rpc.enrolment import Enrolment
from mainstay_controller.rpc.peers import peer_service
from mainstay_controller.rpc.screens import screen_service
from mainstay_controller.rpc.sessions import Sessions
from mainstay_controller.rpc.streams import ServerStream, peer_of
from mainstay_proto import codec
from mainstay_proto.codec import Wire
from mainstay_proto.messages import Down, Up
from mainstay_runtime.identity import Role
from mainstay_runtime.tasks import all_of, background

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Context = grpc.aio.ServicerContext[Up, Down]

STOP_GRACE_SECONDS = 2.0
MESSAGE_BYTES_MAX = 16 * 1024 * 1024  # a Hello for all the hosts of a large vCenter
WAITING_MAX = 20_000  # handshaken and not yet served; gRPC's own 1000 turns a storm into CANCELLED
WAITING_SECONDS = 300  # gRPC's own 30 cancels in the middle of a long queue
ACCEPTORS = 16
"""Servers on one port: each takes one call at a time from its queue, a turn or two of the loop.  In a storm a single one keeps thousands waiting where
nobody can tell them when to come again."""

OPTIONS = (
    ("grpc.so_reuseport", 1),  # among our own acceptors: the port is claimed for us alone before
    ("grpc.http2.bdp_probe", 0),  # a third less work per heartbeat
    ("grpc.tsi.max_frame_size", 4096),  # of TLS: 6 KiB less a session, whose words are small
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.server.max_pending_requests", WAITING_MAX),
    ("grpc.server.max_pending_requests_hard_limit", WAITING_MAX),
    ("grpc.server_max_unrequested_time_in_server", WAITING_SECONDS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What stands behind the ports."""

    controller_id: str
    authority: Authority
    enrolment: Enrolment
    sessions: Sessions
    book: EnrolmentBook
    fleet: Fleet | None = None  # None: no other controller may give it orders


@asynccontextmanager
async def serving(doors: Doors, *, host: str, port: int) -> AsyncIterator[None]:
    """Sessions on `port`, enrolment on the one above, while the block runs."""
    own = doors.authority.identity_for(Role.CONTROLLER, doors.controller_id)
    pair = (own.key_pem, own.certificate_pem)
    known, anybody = grpc.ssl_server_credentials([pair], own.ca_pem, True), grpc.ssl_server_credentials([pair])
    services = [_session_service(doors.sessions)]
    if doors.fleet is not None:
        services += [peer_service(doors.fleet), screen_service(doors.fleet.screens, doors.book)]
    claim(host, port, port + 1)
    sessions = [_acceptor(services, f"{host}:{port}", known) for _ in range(ACCEPTORS)]
    enrolment = _acceptor([_enrolment_service(doors.enrolment)], f"{host}:{port + 1}", anybody)
    async with background(doors.sessions.keep_pulse, doors.sessions.keep_out_the_revoked):
        try:
            await all_of(*(server.start() for server in (*sessions, enrolment)))
            yield
        finally:
            doors.sessions.close_all("the controller stops")
            await all_of(*(server.stop(STOP_GRACE_SECONDS) for server in sessions), enrolment.stop(None))


def claim(host: str, *ports: int) -> None:
    """A second controller on a port is an error, not a lottery.  Raises OSError."""
    for port in ports:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()


def _acceptor(
    services: Sequence[grpc.GenericRpcHandler], address: str, credentials: grpc.ServerCredentials
) -> grpc.aio.Server:
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers(services)
    server.add_secure_port(address, credentials)
    return server


def _session_service(sessions: Sessions) -> grpc.GenericRpcHandler:
    async def session(_requests: AsyncIterator[Up], context: Context) -> None:
        await sessions.serve(await peer_of(context), ServerStream(context))

    method = grpc.stream_stream_rpc_method_handler(session, codec.up.decode, codec.down.encode)
    return grpc.method_handlers_generic_handler("mainstay.agent.v1.Agents", {"Session": method})


def _enrolment_service(enrolment: Enrolment) -> grpc.GenericRpcHandler:
    enrol = _unary(enrolment.enrol, codec.enrol_request, codec.enrol_reply)
    renew = _unary(enrolment.recover, codec.renew_request, codec.enrol_reply)
    return grpc.method_handlers_generic_handler("mainstay.agent.v1.Enrolment", {"Enrol": enrol, "Renew": renew})


def _unary(
    answer: Callable[[Question], Awaitable[Answer]], question: Wire[Question], reply: Wire[Answer]
) -> grpc.RpcMethodHandler[Question, Answer]:
    async def handle(request: Question, _context: object) -> Answer:
        return await answer(request)

    return grpc.unary_unary_rpc_method_handler(handle, question.decode, reply.encode)
