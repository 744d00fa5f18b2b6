"""May a guest that went down be started again here, unasked?  Policy and budget; the lease is asked elsewhere.

Pure.  An order of our own, an outsider's deed, a fence or a migration is never a crash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from mainstay_agent.duties.book import Entry, Wanted
from mainstay_proto.messages import StopCause


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    why: str


def judge(entry: Entry, cause: StopCause | None, now: float) -> Restart | Leave:
    if entry.wanted is not Wanted.RUNNING:
        return Leave(why="it was not wanted running")
    policy = entry.spec.restart
    match cause:
        case StopCause.OUTSIDER | StopCause.FENCED | StopCause.MIGRATED:
            return Leave(why=f"it is down by other hands: {cause}")
        case StopCause.GUEST_SHUTDOWN:
            if not policy.restart_after_guest_shutdown:
                return Leave(why="it shut itself down")
        case StopCause.CRASHED | StopCause.VANISHED | StopCause.ORDERED | None:
            # Ordered, and yet wanted running: we ended a start of it whose outcome nobody knew.
            if not policy.restart_after_crash:
                return Leave(why="its policy does not restart it after a crash")
        case never:
            assert_never(never)
    recent = [at for at in entry.restarts if now - at < policy.window_seconds]
    if len(recent) >= policy.attempts_max:
        return Leave(why=f"the restart budget is spent: {len(recent)} in {policy.window_seconds} s")
    return Restart(attempt=len(recent) + 1)
