"""An event loop for simulations: virtual time, a seeded order of what is ready, and processes that can be stopped and killed.

The promise: the same seed gives the same run, callback by callback.  Among callbacks that are ready at one moment any may come first, as on a
machine with many cores; so no code can lean on the order in which asyncio happens to wake tasks.

A `Process` is whatever runs in its context: tasks inherit it.  Paused, its callbacks wait (timers included, as under SIGSTOP); what others do to
it meanwhile - a message into its socket - is done.  For a run to repeat in another interpreter, strings must hash alike (PYTHONHASHSEED)."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeVar

from tests.kit.virtual_time import NothingWillHappen, VirtualTimeLoop

T = TypeVar("T")

_PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)
STEPS_AT_ONE_MOMENT_MAX = 50_000
STEPS_MAX = 1_000_000  # of one run; an ordinary one has thirty thousand

_NOBODY = contextvars.Context()  # nobody's: the wires, the disks, the passing of time


class TimeStandsStill(RuntimeError):
    """Something is done again and again, and never waits."""


class LightHandle(asyncio.Handle):
    """Without what asyncio's does for its debug mode."""

    __slots__ = ()

    def __init__(
        self, callback: Callable[..., object], args: Any, loop: SimulationLoop, context: contextvars.Context | None
    ) -> None:
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = contextvars.copy_context() if context is None else context
        self._cancelled = False
        self._repr = self._source_traceback = None

    def cancel(self) -> None:
        self._cancelled = True
        self._callback, self._args = _nothing, ()


class LightTimer(LightHandle):
    __slots__ = ("at",)
    at: float

    def when(self) -> float:
        return self.at


def _nothing() -> None: ...


class SimulationLoop(VirtualTimeLoop):
    """asyncio's loop with its heart replaced: `_run_once` is where order and time are decided."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self._chance = chance
        self._later: list[tuple[float, int, asyncio.Handle]] = []
        self._due: list[asyncio.Handle] = []
        self._timers = itertools.count()
        self.tasks_made = itertools.count()
        self.steps = 0
        self._steps_by_now = 0
        self.set_task_factory(_numbered)  # type: ignore[arg-type]

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = LightHandle(callback, args, self, context)
        self._due.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._virtual_now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        handle: Any = LightTimer(callback, args, self, context)
        handle.at = when
        heapq.heappush(self._later, (when, next(self._timers), handle))
        timer: asyncio.TimerHandle = handle
        return timer

    def of_nobody_later(self, delay: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """What happens whoever is stopped or dead by then."""
        return self.call_at(self._virtual_now + delay, callback, *args, context=_NOBODY)

    def _run_once(self) -> None:
        later = self._later
        if not self._due:
            while later and later[0][2]._cancelled:
                heapq.heappop(later)
            if not later:
                raise NothingWillHappen
            self._virtual_now = max(self._virtual_now, later[0][0])
            self._steps_by_now = self.steps
        while later and later[0][0] <= self._virtual_now:
            self._due.append(heapq.heappop(later)[2])
        batch, self._due = self._due, []
        if len(batch) > 1:
            self._chance.shuffle(batch)
        self.steps += len(batch)
        if self.steps - self._steps_by_now > STEPS_AT_ONE_MOMENT_MAX or self.steps > STEPS_MAX:
            raise TimeStandsStill(f"at {self._virtual_now} s: {batch[0]!r}")
        for handle in batch:
            if handle._cancelled:
                continue
            process = handle._context.get(_PROCESS)  # type: ignore[attr-defined]
            if process is not None and process.paused:
                process.held.append(handle)
            else:
                handle._run()

    def resume(self, held: list[asyncio.Handle]) -> None:
        self._due.extend(held)


class NumberedTask(asyncio.Task[T]):
    """Hashes by the order of creation, so that sets of tasks are walked in the same order in every run."""

    def __init__(self, work: Coroutine[Any, Any, T], *, loop: SimulationLoop, **other: Any) -> None:
        self._number = next(loop.tasks_made)
        super().__init__(work, loop=loop, **other)

    def __hash__(self) -> int:
        return self._number


def _numbered(loop: Any, work: Coroutine[Any, Any, T], **other: Any) -> NumberedTask[T]:
    return NumberedTask(work, loop=loop, **other)


class Process:
    """Whatever runs in one context: to be paused, resumed, killed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.paused = False
        self.alive = True
        self.held: list[asyncio.Handle] = []
        self._context = contextvars.copy_context()
        self._context.run(_PROCESS.set, self)
        self._root: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Its first task; when that ends, so has the process."""
        self._root = self.spawn(work)
        return self._root

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return sim_loop().create_task(work, name=self.name, context=self._context.copy())

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        held, self.held = self.held, []
        sim_loop().resume(held)

    def kill(self) -> None:
        """Its tasks unwind, but what they still say or do on their way out reaches nobody: every port asks `alive` first."""
        self.alive = False
        self.resume()
        if self._root is not None:
            self._root.cancel()


def running_process() -> Process | None:
    """In whose context this is called."""
    return _PROCESS.get()


def is_of_the_living() -> bool:
    process = _PROCESS.get()
    return process is None or process.alive


def nobodys(call: Callable[..., T], *args: Any) -> T:
    """Made in nobody's process: tasks begun by that call go on whoever is stopped."""
    return _NOBODY.copy().run(call, *args)


def sim_loop() -> SimulationLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulationLoop)
    return loop
