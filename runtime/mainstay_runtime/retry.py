"""Trying again: exponential backoff with full jitter, on a clock and with dice that are arguments.

The promise: the n-th wait is drawn evenly from 0 to min(cap, first * 2^(n-1)), so that many who failed together do not return together.
An error that carries `retry_after_seconds` is obeyed: the draw is added to what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, stop_never

from mainstay_runtime.clock import Clock, Rng


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    first_seconds: float = 0.5
    cap_seconds: float = 30.0


def retrying(
    errors: tuple[type[Exception], ...],
    *,
    clock: Clock,
    rng: Rng,
    backoff: Backoff,
    attempts_max: int | None = None,
) -> AsyncRetrying:
    """`async for attempt in retrying(...): with attempt: ...`; the last error is raised bare when attempts run out."""
    return AsyncRetrying(
        sleep=clock.sleep,
        wait=_full_jitter(rng, backoff),
        retry=retry_if_exception_type(errors),
        stop=stop_never if attempts_max is None else stop_after_attempt(attempts_max),
        reraise=True,
    )


def _full_jitter(rng: Rng, backoff: Backoff) -> Callable[[RetryCallState], float]:
    def wait(state: RetryCallState) -> float:
        doublings = min(state.attempt_number - 1, 32)
        jitter = rng.uniform(0, min(backoff.cap_seconds, backoff.first_seconds * 2**doublings))
        error = state.outcome.exception() if state.outcome else None
        asked_for: float = getattr(error, "retry_after_seconds", None) or 0.0
        return asked_for + jitter

    return wait
