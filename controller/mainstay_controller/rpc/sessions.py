"""All live sessions of this controller: who is let in, what is said and heard, and how a session ends.

The promise: the fleet sees each session opened, received from and closed in that order; a session that stops, for whatever reason, is
closed and says why; no two live sessions here have the same identity.

Which of two is right?  The older one, while it is heard: a newcomer is refused `duplicate-session` and told to come back after a beat.
An older one that has been silent for longer than a beat and a half is taken for half dead and gives way.  So a copied
identity cannot push out a living agent, and a broken connection cannot lock out its own agent for longer than that.

It knows nothing of gRPC: `serve` takes any Stream."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from mainstay_controller.fleet.enrolment import EnrolmentBook
from mainstay_controller.fleet.sessions import SessionSink
from mainstay_controller.rpc import refusals
from mainstay_controller.rpc.admission import Admission, Arrival
from mainstay_controller.rpc.enrolment import Enrolment
from mainstay_controller.rpc.refusals import (
    BadHello,
    DuplicateSession,
    Overloaded,
    Revoked,
    WrongIdentity,
    WrongRole,
    later,
)
from mainstay_proto.messages import (
    CommandResult,
    Down,
    Goodbye,
    GuestEvent,
    Hello,
    Pulse,
    Redirect,
    Refused,
    RenewCertificate,
    Seen,
    UnknownMessage,
    Up,
    Welcome,
)
from mainstay_runtime.clock import Clock
from mainstay_runtime.errors import BadInput, Denied, MainstayError, Unavailable
from mainstay_runtime.identity import PeerIdentity, Role
from mainstay_runtime.logs import logger
from mainstay_runtime.session import Outbox, Stream, converse, next_of

log = logger(__name__)

HELLO_SECONDS = 10.0
CLOSE_SECONDS = 5.0
SCAN_SECONDS = 1.0
RECHECK_SECONDS = 5.0
BEATS_OF_LIFE = 1.5  # heard within this many beats: alive


@dataclass(eq=False, slots=True)
class Session:
    """One live session (fleet.sessions.AgentSession)."""

    agent_id: str
    hosts: tuple[str, ...]
    peer: PeerIdentity
    clock: Clock
    heard_at: float
    sent_at: float
    arrival: Arrival | None  # until its first word after its Welcome
    beat_seconds: float = 1.0
    pulse_seconds: float = 1.0
    outbox: Outbox[Down] = field(default_factory=Outbox)
    ended: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    rival_at: float | None = None  # when another came with this identity and was refused

    @staticmethod
    def begun_by(hello: Hello, peer: PeerIdentity, arrival: Arrival, clock: Clock) -> Session:
        now = clock.monotonic()
        return Session(
            agent_id=hello.agent_id,
            hosts=tuple(host.host_id for host in hello.hosts),
            peer=peer,
            clock=clock,
            heard_at=now,
            sent_at=now,
            arrival=arrival,
        )

    def send(self, down: Down) -> None:
        self.outbox.put(down)
        self.sent_at = self.clock.monotonic()

    def close(self, reason: str, last_word: Refused | Redirect | None = None) -> None:
        self.outbox.close(reason, last_word)

    def welcomed(self, welcome: Welcome) -> None:
        self.outbox.put_first(welcome)
        self.beat_seconds = welcome.ping_interval_seconds
        self.pulse_seconds = welcome.ping_interval_seconds * welcome.ping_timeout_factor

    @property
    def ended_because(self) -> str:
        return self.outbox.closed_because or ""

    def hears(self) -> None:
        self.heard_at = self.clock.monotonic()
        self._has_arrived()

    def is_over(self) -> None:
        self._has_arrived()
        self.ended.set_result(None)

    def _has_arrived(self) -> None:
        if self.arrival is not None:
            self.arrival.over()
            self.arrival = None

    def has_a_twin(self) -> bool:
        """Told once of each rival.  An agent that came anew after its line had broken is heard on the old one no more."""
        if self.rival_at is None or self.heard_at - self.rival_at <= self.beat_seconds:
            return False
        self.rival_at = None
        return True

    def lives_for_seconds(self) -> float:
        """How long it still counts as alive if nothing more is heard; negative: it does not."""
        return self.heard_at + BEATS_OF_LIFE * self.beat_seconds - self.clock.monotonic()


class Sessions:
    def __init__(
        self, *, sink: SessionSink, book: EnrolmentBook, enrolment: Enrolment, admission: Admission, clock: Clock
    ) -> None:
        self._sink = sink
        self._book = book
        self._enrolment = enrolment
        self._admission = admission
        self._clock = clock
        self._live: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._live)

    async def serve(self, peer: PeerIdentity, stream: Stream[Down, Up]) -> None:
        """One session from its first word to its last.  The peer's certificate has been verified."""
        try:
            with self._sink.knocking(peer.id):
                arrival = await self._admission.admit()
                session, hello = await self._let_in(peer, stream, arrival)
            try:
                answer = await self._sink.opened(hello, peer, session)
                accepted = await self._answered(session, answer, stream)
                del hello, arrival, answer  # a session lasts for months, and a Welcome names all hosts of its pools
                if accepted:
                    await self._hold(session, stream)
            finally:
                self._live.pop(session.agent_id)
                session.is_over()
        except Overloaded as error:
            self._sink.sent_away(peer.id, error.retry_after_seconds or 0.0)
            await _send_away(refusals.told(error), stream)
        except Denied as error:
            await _turn_away(peer, refusals.told(error), stream)
        except Unavailable as lost:
            log.info("lost before its session began", peer=peer.id, why=str(lost))
        except Exception:
            log.exception("session failed", peer=peer.id)

    def close_all(self, reason: str, last_word: Redirect | Refused | None = None) -> None:
        for session in self._live.values():
            session.close(reason, last_word)

    async def keep_pulse(self) -> None:
        """For ever: a word to every agent to which nothing was said for a while, so that it knows that we live."""
        while True:
            await self._clock.sleep(SCAN_SECONDS)
            now = self._clock.monotonic()
            for session in self._live.values():
                if now - session.sent_at >= session.pulse_seconds:
                    with suppress(Unavailable):  # it is about to end by itself
                        session.send(Pulse())

    async def keep_out_the_revoked(self) -> None:
        """For ever: end the sessions of those who were removed, by whichever controller."""
        while True:
            await self._clock.sleep(RECHECK_SECONDS)
            try:
                revoked = await self._book.revoked_among(self._live.keys())
            except MainstayError as error:
                log.warning("revocations could not be checked", why=str(error))
                continue
            for agent_id in revoked & self._live.keys():
                self._live[agent_id].close("revoked", refusals.told(Revoked()))

    async def _let_in(self, peer: PeerIdentity, stream: Stream[Down, Up], arrival: Arrival) -> tuple[Session, Hello]:
        try:
            hello = await self._introduced(peer, stream)
            await self._make_room_for(peer.id)
        except BaseException:
            arrival.over()
            raise
        session = self._live[peer.id] = Session.begun_by(hello, peer, arrival, self._clock)
        return session, hello

    async def _introduced(self, peer: PeerIdentity, stream: Stream[Down, Up]) -> Hello:
        hello = await next_of(stream, HELLO_SECONDS)
        if not isinstance(hello, Hello):
            raise BadHello
        if peer.role is not Role.AGENT:
            raise WrongRole(f"a {peer.role} holds no session")
        if peer.id != hello.agent_id:
            raise WrongIdentity(f"the certificate is of {peer.id}, the hello of {hello.agent_id}")
        refusals.check(await self._book.standing(peer.role, peer.id))
        return hello

    async def _make_room_for(self, agent_id: str) -> None:
        while (older := self._live.get(agent_id)) is not None:
            lives_for_seconds = older.lives_for_seconds()
            if lives_for_seconds > 0:
                older.rival_at = older.rival_at or self._clock.monotonic()
                raise later(DuplicateSession(), lives_for_seconds)
            older.close("silent, and replaced by a newer session")
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await asyncio.shield(older.ended)
            except TimeoutError as error:
                raise later(DuplicateSession(), CLOSE_SECONDS) from error

    async def _answered(self, session: Session, answer: Welcome | Refused, stream: Stream[Down, Up]) -> bool:
        """True: it is welcome."""
        if isinstance(answer, Refused):
            await _turn_away(session.peer, answer, stream)
            return False
        session.welcomed(answer)
        return True

    async def _hold(self, session: Session, stream: Stream[Down, Up]) -> None:
        try:
            await converse(stream, session.outbox, partial(self._hear, session))
        except Exception:
            session.close("a fault in the controller")
            raise
        finally:
            session.close("the connection broke")
            await self._sink.closed(session, session.ended_because)

    async def _hear(self, session: Session, up: Up) -> None:
        session.hears()
        if session.has_a_twin():
            await self._sink.twinned(session)
        match up:
            case CommandResult(command_id=id) | GuestEvent(event_id=id):
                await self._sink.received(session, up)
                session.send(Seen(ids=(id,)))
            case RenewCertificate():
                await self._renew(session, up)
            case Goodbye():
                await self._sink.received(session, up)
                session.close(f"goodbye: {up.reason}")
            case UnknownMessage():
                log.info("message of an unknown kind ignored", agent=session.agent_id, kind=up.kind)
            case Hello():
                session.close("a second hello", refusals.told(BadHello("a session has one Hello")))
            case _:
                await self._sink.received(session, up)

    async def _renew(self, session: Session, request: RenewCertificate) -> None:
        try:
            session.send(await self._enrolment.renew(session.peer, request.csr_pem))
        except (Denied, BadInput) as error:
            log.warning("certificate not renewed", agent=session.agent_id, code=error.code, why=str(error))


async def _turn_away(peer: PeerIdentity, refused: Refused, stream: Stream[Down, Up]) -> None:
    log.warning("session refused", peer=peer.id, code=refused.code, why=refused.detail)
    await _send_away(refused, stream)


async def _send_away(refused: Refused, stream: Stream[Down, Up]) -> None:
    with suppress(Unavailable):  # gone without waiting for the answer
        await stream.send(refused)
