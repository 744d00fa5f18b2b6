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


class LightHandle:
    """As much of asyncio.Handle and asyncio.TimerHandle as anybody uses."""

    __slots__ = ("args", "at", "callback", "context", "is_cancelled")

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context | None, at: float
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = contextvars.copy_context() if context is None else context
        self.at = at
        self.is_cancelled = False

    def __repr__(self) -> str:
        return f"{self.callback!r} of {self.args!r}"

    def cancel(self) -> None:
        self.is_cancelled = True
        self.callback, self.args = _nothing, ()

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self.at


def _nothing() -> None: ...


class SimulationLoop(VirtualTimeLoop):
    """asyncio's loop with its heart replaced: `_run_once` is where order and time are decided.

    What is to come is a heap of handles, to be run, and of futures, to be resolved: whoever sleeps costs one callback, his own waking up."""

    _stopping: bool  # asyncio's own: `run_forever` is to end

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self._draw = chance.random
        self._later: list[tuple[float, int, Any]] = []  # handles and futures
        self._due: list[LightHandle] = []
        self._timers = itertools.count()
        self.tasks_made = itertools.count()
        self.steps = 0
        self._steps_max = STEPS_AT_ONE_MOMENT_MAX
        self.set_task_factory(_numbered)  # type: ignore[arg-type]
        self.get_debug = bool  # type: ignore[method-assign]  # asyncio asks at every future: no

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> LightHandle:
        handle = LightHandle(callback, args, context, self._virtual_now)
        self._due.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> LightHandle:
        return self.call_at(self._virtual_now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> LightHandle:
        handle = LightHandle(callback, args, context, when)
        heapq.heappush(self._later, (when, next(self._timers), handle))
        return handle

    def of_nobody_later(self, delay: float, callback: Callable[..., object], *args: Any) -> LightHandle:
        """What happens whoever is stopped or dead by then."""
        return self.call_at(self._virtual_now + delay, callback, *args, context=_NOBODY)

    def resolved_after(self, seconds: float) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.Future(loop=self)
        heapq.heappush(self._later, (self._virtual_now + max(0.0, seconds), next(self._timers), future))
        return future

    def _run_once(self) -> None:
        """One story and not five functions: it is told twenty thousand times a run."""
        later, pop, draw = self._later, heapq.heappop, self._draw
        while not self._stopping:
            if not self._due:
                self._pass_time()
            while later and later[0][0] <= self._virtual_now:
                what = pop(later)[2]
                if what.__class__ is LightHandle:
                    self._due.append(what)
                elif not what.done():
                    what.set_result(None)
            batch, self._due = self._due, []
            for last in range(len(batch) - 1, 0, -1):
                other = int(draw() * (last + 1))
                batch[last], batch[other] = batch[other], batch[last]
            self.steps += len(batch)
            if self.steps > self._steps_max:
                raise TimeStandsStill(f"at {self._virtual_now} s: {batch[0]!r}")
            for handle in batch:
                if handle.is_cancelled:
                    continue
                context = handle.context
                process = context.get(_PROCESS)
                if process is not None and process.paused:
                    process.held.append(handle)
                    continue
                try:
                    context.run(handle.callback, *handle.args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    self.call_exception_handler({"message": "a callback failed", "exception": error, "handle": handle})

    def _pass_time(self) -> None:
        """To the next thing that is still to come."""
        later = self._later
        while later and later[0][2].cancelled():
            heapq.heappop(later)
        if not later:
            raise NothingWillHappen
        self._virtual_now = max(self._virtual_now, later[0][0])
        self._steps_max = min(self.steps + STEPS_AT_ONE_MOMENT_MAX, STEPS_MAX)

    def resume(self, held: list[LightHandle]) -> None:
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
        self.held: list[LightHandle] = []
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
