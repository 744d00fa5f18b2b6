"""Disks and pools of one host, each task in a child process that can be given up.

The promise: a pool that hangs costs a caller its deadline and nothing more; after CHILDREN_MAX children hang on one pool, further tasks on
it are answered `unknown` at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import asdict

from mainstay_agent.driver import Outcome, failed, unknown
from mainstay_agent.drivers.libvirt import pool_work
from mainstay_agent.drivers.libvirt.pool_work import CheckTask, DiskTask
from mainstay_proto.messages import DiskSpec, PoolMount, RunState

CHILDREN_MAX = 3
DEATH_SECONDS = 0.2


class Volumes:
    def __init__(self) -> None:
        self._given_up: dict[str, list[Process]] = {}  # by pool

    async def check(self, mount: PoolMount, image_path: str | None, deadline_seconds: float) -> Outcome:
        task = CheckTask(path=mount.path.rstrip("/") or "/", shared=mount.shared, image_path=image_path)
        return await self._carry_out(mount.pool_id, "check", task, deadline_seconds)

    async def prepare(self, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        return await self._carry_out(disk.pool_id, "prepare", _task_of(disk), deadline_seconds)

    async def remove(self, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        return await self._carry_out(disk.pool_id, "remove", _task_of(disk), deadline_seconds)

    async def grow(self, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        return await self._carry_out(disk.pool_id, "grow", _task_of(disk), deadline_seconds)

    async def _carry_out(self, pool_id: str, verb: str, task: CheckTask | DiskTask, deadline_seconds: float) -> Outcome:
        hanging = [child for child in self._given_up.get(pool_id, ()) if child.returncode is None]
        self._given_up[pool_id] = hanging
        if len(hanging) >= CHILDREN_MAX:
            return unknown("pool-hung", f"{len(hanging)} tasks hang on pool {pool_id}")
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", pool_work.__name__, verb, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
        try:
            async with asyncio.timeout(deadline_seconds):
                told, complaint = await child.communicate(json.dumps(asdict(task)).encode())
        except TimeoutError:
            return unknown("deadline", f"pool {pool_id} does not answer")
        finally:
            if child.returncode is None and not await _killed(child):
                hanging.append(child)
        return _outcome(told) if child.returncode == 0 else failed("broken", complaint.decode(errors="replace")[-500:])


def _task_of(disk: DiskSpec) -> DiskTask:
    return DiskTask(
        volume_id=disk.volume_id,
        path=disk.path,
        format=disk.format,
        size_bytes=disk.size_bytes,
        backing_path=disk.backing_path,
    )


def _outcome(told: bytes) -> Outcome:
    answer = json.loads(told)
    facts = tuple(sorted(answer["facts"].items()))
    return Outcome(state=RunState(answer["state"]), code=answer["code"], detail=answer["detail"], answer=facts)


async def _killed(child: Process) -> bool:
    """With its own children.  One that waits for a hung pool dies only when the pool lets go of it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    try:
        async with asyncio.timeout(DEATH_SECONDS):
            await child.wait()
    except TimeoutError:
        return False
    return True
