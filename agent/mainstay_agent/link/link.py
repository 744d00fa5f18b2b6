"""One session with some controller, kept for ever: dial, introduce, repeat what was not seen, listen, and dial again.

The promise: a CommandResult or GuestEvent given to `send` is repeated, through any number of sessions, until a controller has Seen it (the
last UNSEEN_MAX of them; older ones are given up, and the log says so).  Everything else is sent now or never, for the next Hello or
heartbeat says it again.  `send` never blocks.

Waits between attempts grow with full jitter, and a refusal, whatever its code, is tried again for ever, as a host may be let in later.
A controller that hangs is left after SILENCE_PULSES of the pulses it ought to send."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from mainstay_agent.link.port import Duties
from mainstay_agent.link.roster import Roster
from mainstay_proto.enrolment import EnrolReply
from mainstay_proto.messages import (
    Certificate,
    Command,
    CommandResult,
    Down,
    Goodbye,
    GuestEvent,
    Hello,
    Mounts,
    Pulse,
    Redirect,
    Refused,
    RenewCertificate,
    ReportRequest,
    Seen,
    UnknownMessage,
    Up,
    Welcome,
)
from mainstay_runtime.clock import Clock, Rng
from mainstay_runtime.errors import BadInput, Denied, MainstayError, Unavailable
from mainstay_runtime.logs import logger
from mainstay_runtime.retry import Backoff, retrying
from mainstay_runtime.session import CertificateRejected, Outbox, Stream, Transport, converse, next_of
from mainstay_runtime.tasks import background

log = logger(__name__)

UNSEEN_MAX = 2_000
HELLO_SECONDS = 10.0
WELCOME_SECONDS = 15.0  # a controller may let us queue at its door
SILENCE_PULSES = 2
SILENCE_SLACK_SECONDS = 2.0  # a controller looks once a second whether a pulse is due
LEAVE_SECONDS = 3.0
RENEWAL_CHECK_SECONDS = 600.0
PATIENCE = Backoff(cap_seconds=5.0)
"""Below half of the shortest validity of a lease: a host that lives by holds must find the next controller while the last hold lasts.
That all dial so often is the server's to bear, which admits them one by one and says when to come again."""


class Keyring(Protocol):
    """What the link needs of mainstay_runtime.enrolment.Credentials."""

    def renewal(self) -> RenewCertificate | None: ...

    def accept(self, reply: EnrolReply) -> None: ...

    async def recover(self, address: str) -> None: ...


class SessionRefused(Denied):
    """The controller refused the session."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.code}: {refused.detail}")
        self.code = refused.code
        self.retry_after_seconds = refused.retry_after_seconds


class Link:
    def __init__(
        self,
        *,
        transport: Transport[Up, Down],
        keyring: Keyring,
        controllers: tuple[str, ...],
        duties: Duties,
        clock: Clock,
        rng: Rng,
        backoff: Backoff | None = None,
    ) -> None:
        self._transport = transport
        self._keyring = keyring
        self._roster = Roster(controllers, rng)
        self._duties = duties
        self._clock = clock
        self._rng = rng
        self._backoff = backoff or PATIENCE
        self._unseen: OrderedDict[str, CommandResult | GuestEvent] = OrderedDict()
        self._outbox: Outbox[Up] | None = None  # of the session that is open
        self._parted = asyncio.Event()
        self._resumed = False

    @property
    def connected(self) -> bool:
        return self._outbox is not None

    @property
    def unseen(self) -> int:
        """How many results and events no controller has acknowledged yet."""
        return len(self._unseen)

    def send(self, up: Up) -> None:
        """To whatever controller we are in session with, or, if it is to be kept, to the next."""
        if isinstance(up, GuestEvent) and not up.event_id:
            up = replace(up, event_id=self._rng.uuid())
        self._keep_until_seen(up)
        if self._outbox is not None:
            with suppress(Unavailable):  # the session is about to end and will be replaced
                self._outbox.put(up)

    async def run(self) -> None:
        """For ever."""
        while True:
            async for attempt in retrying(
                (Unavailable, Denied), clock=self._clock, rng=self._rng, backoff=self._backoff
            ):
                with attempt:
                    await self._one_session(self._roster.next())
            await self._clock.sleep(self._rng.uniform(0, self._backoff.first_seconds))

    async def leave(self, reason: str) -> None:
        """Say goodbye, when the agent stops on purpose; then cancel `run`."""
        if self._outbox is None:
            return
        self._outbox.close(reason, Goodbye(reason=reason))
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._parted.wait()

    async def _one_session(self, address: str) -> None:
        """Raises Unavailable or Denied when none came about; returns when one has ended."""
        try:
            hello = await self._describe_ourselves()
            async with self._transport.connect(address) as stream:
                await stream.send(hello)
                welcome = self._answer(await next_of(stream, WELCOME_SECONDS))
                log.info("session opened", controller=address, resumed=hello.resumed, unseen=self.unseen)
                await self._hold(stream, welcome)
        except CertificateRejected:
            log.warning("our certificate was rejected, asking for another", controller=address)
            await self._keyring.recover(address)
            raise
        except MainstayError as error:
            log.warning("no session", controller=address, code=error.code, why=str(error))
            raise

    async def _describe_ourselves(self) -> Hello:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                return await self._duties.hello(self._resumed)
        except TimeoutError as error:
            raise Unavailable("our own hosts could not be described in time") from error

    def _answer(self, down: Down) -> Welcome:
        match down:
            case Welcome():
                return down
            case Refused():
                raise SessionRefused(down)
            case Redirect():
                self._roster.prefer(down.controllers)
                raise Unavailable(f"redirected: {down.reason}")
            case _:
                raise Unavailable(f"answered by {type(down).__name__} instead of Welcome")

    async def _hold(self, stream: Stream[Up, Down], welcome: Welcome) -> None:
        outbox: Outbox[Up] = Outbox()
        for up in self._unseen.values():
            outbox.put(up)
        self._outbox, self._resumed = outbox, True
        self._parted.clear()
        self._roster.learn(welcome.controllers)
        try:
            await self._safely(self._duties.welcomed(welcome))
            async with background(self._renew_certificate):
                await converse(stream, outbox, self._hear, _silence_max_seconds(welcome))
        finally:
            self._outbox = None
            self._parted.set()
            reason = outbox.closed_because or "cancelled"
            log.info("session ended", reason=reason)
            await self._safely(self._duties.lost(reason))

    async def _hear(self, down: Down) -> None:
        match down:
            case Command() | ReportRequest() | Mounts():
                await self._safely(self._duties.received(down))
            case Seen():
                for id in down.ids:
                    self._unseen.pop(id, None)
            case Certificate():
                self._accept_certificate(down)
            case Redirect():
                self._roster.prefer(down.controllers)
                self._close(f"redirected: {down.reason}")
            case Refused():
                self._close(f"refused: {down.code}: {down.detail}")
            case UnknownMessage() | Welcome():
                log.info("message ignored", message=repr(down))
            case Pulse():
                pass

    def _close(self, reason: str) -> None:
        if self._outbox is not None:
            self._outbox.close(reason)

    def _keep_until_seen(self, up: Up) -> None:
        match up:
            case CommandResult(command_id=id) | GuestEvent(event_id=id):
                self._unseen[id] = up
        if len(self._unseen) > UNSEEN_MAX:
            id, _ = self._unseen.popitem(last=False)
            log.error("too many messages wait for a controller, the oldest is given up", id=id)

    async def _renew_certificate(self) -> None:
        while True:
            if (request := self._keyring.renewal()) is not None:
                self.send(request)
            await self._clock.sleep(RENEWAL_CHECK_SECONDS)

    def _accept_certificate(self, certificate: Certificate) -> None:
        try:
            self._keyring.accept(certificate)
        except BadInput as error:
            log.error("certificate not accepted", why=str(error))

    async def _safely(self, duty: Awaitable[None]) -> None:
        """A fault in a duty must not cost the session, which all other duties need."""
        try:
            await duty
        except Exception:
            log.exception("a duty failed")


def _silence_max_seconds(welcome: Welcome) -> float:
    pulse_seconds = welcome.ping_interval_seconds * welcome.ping_timeout_factor
    return SILENCE_PULSES * pulse_seconds + SILENCE_SLACK_SECONDS
