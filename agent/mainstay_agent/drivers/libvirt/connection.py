"""The one place where blocking libvirt meets asyncio: threads, deadlines, keepalive, reconnection.

libvirt has no deadline for a call, so each runs in a thread of its own, which may outlive its caller's patience.  The promise: a caller
waits no longer than it said; only so many threads hang at once, and further callers are then told so immediately.
Threads are daemons, so that a hung hypervisor keeps no process from ending.

There are two lines to the hypervisor's daemon, one for questions and events and one for deeds: it serves only a few calls of one
client at a time, and starts that hang on a pool must not silence the questions."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import libvirt

from mainstay_agent.drivers.libvirt.settings import LibvirtSettings
from mainstay_runtime.clock import Clock
from mainstay_runtime.errors import DeadlineExceeded, MainstayError, Unavailable
from mainstay_runtime.logs import logger

T = TypeVar("T")
Work = Callable[[libvirt.virConnect], T]

QUESTIONS_MAX = 4
HANG_UP_SECONDS = 2.0

log = logger(__name__)


class Hung(MainstayError):
    """The hypervisor has as many calls as it may without answering them; this one was not begun."""

    code = "hypervisor-hung"


class LostMidway(MainstayError):
    """The hypervisor's daemon went away during the call; the effect is unknown."""

    code = "hypervisor-lost"


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    questions: libvirt.virConnect
    deeds: libvirt.virConnect
    watching: int  # libvirt's id of our callback for events

    def hang_up(self) -> None:
        """In a thread: a line that is hung up by its last reference's end would block whoever drops that."""
        with contextlib.suppress(libvirt.libvirtError):
            self.questions.domainEventDeregisterAny(self.watching)
        for line in (self.questions, self.deeds):
            with contextlib.suppress(libvirt.libvirtError):
                line.unregisterCloseCallback()
            with contextlib.suppress(libvirt.libvirtError):
                line.close()


class Connection:
    """Two lines to one daemon, renewed for ever by `keep`."""

    def __init__(self, settings: LibvirtSettings, clock: Clock, heard: Callable[[str, int, int], None]) -> None:
        """`heard` gets each lifecycle event (vm_id, event, detail) in the event loop."""
        self._settings = settings
        self._clock = clock
        self._heard = heard
        self._lines: Lines | None = None
        self._broken: asyncio.Queue[Lines] = asyncio.Queue(1)
        self._dialling = Threads("libvirt-dial", 1)
        self._asking = Threads("libvirt-ask", QUESTIONS_MAX)
        self._doing = Threads("libvirt-do", settings.calls_max)

    async def ask(self, question: Work[T], deadline_seconds: float) -> T:
        """Raises Unavailable (not asked), DeadlineExceeded, Hung or LostMidway (no answer), libvirtError (the answer is no)."""
        lines = self._open_lines()
        return await self._asking.run(lambda: _carry_out(lines.questions, question), deadline_seconds)

    async def do(self, deed: Work[T], deadline_seconds: float | None) -> T:
        """As `ask`; a deed without an answer may still have its effect."""
        lines = self._open_lines()
        return await self._doing.run(lambda: _carry_out(lines.deeds, deed), deadline_seconds)

    def _open_lines(self) -> Lines:
        if self._lines is None:
            raise Unavailable("no connection to the hypervisor's daemon")
        return self._lines

    async def open(self, deadline_seconds: float) -> None:
        run_libvirt_events()
        try:
            await self._dial(deadline_seconds)
        except (libvirt.libvirtError, DeadlineExceeded, Hung) as error:
            raise Unavailable(f"{self._settings.uri}: {error}") from error

    async def keep(self, lost: Callable[[], None], back: Callable[[], Awaitable[None]]) -> None:
        while True:
            broken = await self._broken.get()
            lost()
            await self._hang_up(broken)
            await self._redial()
            await back()

    async def close(self) -> None:
        if (lines := self._lines) is not None:
            self._lines = None
            await self._hang_up(lines)

    async def _hang_up(self, lines: Lines) -> None:
        with contextlib.suppress(DeadlineExceeded, Hung):
            await self._dialling.run(lines.hang_up, HANG_UP_SECONDS)

    async def _redial(self) -> None:
        while True:
            try:
                # Without a deadline: a daemon that is stopped takes the call and answers when it goes on.
                return await self._dial(deadline_seconds=None)
            except (libvirt.libvirtError, Hung) as error:
                log.debug("hypervisor does not answer", host=self._settings.host_id, reason=str(error))
            await self._clock.sleep(self._settings.reconnect_seconds)

    async def _dial(self, deadline_seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._lines = lines = await self._dialling.run(lambda: self._set_up(loop), deadline_seconds)
        if not (lines.questions.isAlive() and lines.deeds.isAlive()):
            self._closed(lines.questions, libvirt.VIR_CONNECT_CLOSE_REASON_ERROR)  # before anybody listened

    def _set_up(self, loop: asyncio.AbstractEventLoop) -> Lines:
        """In a thread.  Callbacks arrive in libvirt's thread and are passed on to the loop."""
        questions, deeds = self.dial(self._settings.uri), self.dial(self._settings.uri)

        def on_lifecycle(_line: object, domain: libvirt.virDomain, event: int, detail: int, _opaque: object) -> None:
            _tell(loop, self._pass_on, questions, domain.UUIDString(), event, detail)

        def on_close(_line: object, reason: int, _opaque: object) -> None:
            _tell(loop, self._closed, questions, reason)

        for line in (questions, deeds):
            line.registerCloseCallback(on_close, None)
        watching = questions.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, on_lifecycle, None)
        return Lines(questions, deeds, watching)

    def dial(self, uri: str) -> libvirt.virConnect:
        """In a thread.  A line whose other end falls silent breaks, so that no call on it hangs, not even its closing."""
        line = libvirt.open(uri)
        try:
            line.setKeepAlive(self._settings.keepalive_seconds, self._settings.keepalive_count)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:  # one inside this process needs none
                raise
        return line

    def _pass_on(self, questions: libvirt.virConnect, vm_id: str, event: int, detail: int) -> None:
        if self._lines is not None and self._lines.questions is questions:
            self._heard(vm_id, event, detail)

    def _closed(self, questions: libvirt.virConnect, reason: int) -> None:
        """Either line: they are renewed together."""
        if (lines := self._lines) is not None and lines.questions is questions:
            log.warning("hypervisor's daemon is lost", host=self._settings.host_id, reason=reason)
            self._lines = None
            self._broken.put_nowait(lines)


def _carry_out(line: libvirt.virConnect, work: Work[T]) -> T:
    try:
        return work(line)
    except libvirt.libvirtError as error:
        if not line.isAlive():
            raise LostMidway(str(error)) from error
        raise


class Threads:
    """A bounded number of threads, each doing one piece of work."""

    def __init__(self, name: str, places: int) -> None:
        self._name = name
        self._places = places
        self._free = asyncio.Semaphore(places)
        self._abandoned = 0

    async def run(self, work: Callable[[], T], deadline_seconds: float | None) -> T:
        if self._abandoned >= self._places:
            raise Hung()
        begun = False
        try:
            async with asyncio.timeout(deadline_seconds):
                await self._free.acquire()
                begun = True
                return await self._in_thread(work)
        except TimeoutError:
            raise (DeadlineExceeded() if begun else Hung()) from None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def labour() -> None:
            try:
                result = work()
            except BaseException as error:
                _tell(loop, self._end, answer, error, None)
            else:
                _tell(loop, self._end, answer, None, result)

        threading.Thread(target=labour, name=self._name, daemon=True).start()
        try:
            return await answer
        finally:
            self._abandoned += answer.cancelled()

    def _end(self, answer: asyncio.Future[T], error: BaseException | None, result: T) -> None:
        self._free.release()
        if answer.cancelled():
            self._abandoned -= 1
        elif error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *facts: object) -> None:
    """From any thread; a loop that has ended needs no more news."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, *facts)


@cache
def run_libvirt_events() -> None:
    """Once per process: the thread that reads all connections' events and sends their keepalives."""
    libvirt.registerErrorHandler(_stay_quiet, None)  # errors are raised; libvirt would print them as well
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_run_events_for_ever, name="libvirt-events", daemon=True).start()


def _run_events_for_ever() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def _stay_quiet(_context: object, _error: object) -> None:
    pass
