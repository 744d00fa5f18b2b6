"""Power by IPMI, through the `ipmitool` program.

The password goes by the environment, never by the command line, which everybody on the machine can read.  Retries are cut short
(-N 1 -R 2: about 6 s on a dead address instead of 20) and an outer deadline stands over them."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from mainstay_controller.domain.ha.case import PowerState
from mainstay_controller.domain.records import OutOfBand
from mainstay_controller.fleet.power.port import PowerAction, PowerSaid

VERBS = {
    PowerAction.ON: "on",
    PowerAction.OFF: "off",
    PowerAction.CYCLE: "cycle",
    PowerAction.RESET: "reset",
    PowerAction.SOFT: "soft",
    PowerAction.STATUS: "status",
}
CIPHER_SUITE = "3"
ATTEMPT_SECONDS = "1"
ATTEMPTS = "2"
REAP_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """`status` None: it did not end in time and was killed."""

    status: int | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipmitool:
    """fleet.power.port.PowerController."""

    program: str = "/usr/bin/ipmitool"
    interface: str = "lanplus"

    async def status(self, where: OutOfBand, deadline_seconds: float) -> PowerSaid:
        return self._read(await self._run(where, PowerAction.STATUS, deadline_seconds))

    async def act(self, where: OutOfBand, action: PowerAction, deadline_seconds: float) -> PowerSaid:
        if action is PowerAction.STATUS:
            return await self.status(where, deadline_seconds)
        ran = await self._run(where, action, deadline_seconds)
        after = await self.status(where, deadline_seconds)
        code = code_of(ran)
        return PowerSaid(state=after.state, code=code, detail=ran.said if code != "ok" else after.detail)

    def _read(self, ran: Ran) -> PowerSaid:
        code = code_of(ran)
        if code != "ok":
            return PowerSaid(state=PowerState.UNKNOWN, code=code, detail=ran.said)
        states = {"Chassis Power is on": PowerState.ON, "Chassis Power is off": PowerState.OFF}
        state = states.get(ran.said, PowerState.UNKNOWN)
        return PowerSaid(state=state, code="ok" if state is not PowerState.UNKNOWN else "error", detail=ran.said)

    async def _run(self, where: OutOfBand, action: PowerAction, deadline_seconds: float) -> Ran:
        try:
            process = await asyncio.create_subprocess_exec(
                self.program,
                *self._arguments(where),
                *("chassis", "power", VERBS[action]),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={"PATH": os.environ.get("PATH", ""), "IPMI_PASSWORD": where.password},
            )
        except OSError as error:
            return Ran(status=127, said=f"{self.program}: {error.strerror}")
        try:
            async with asyncio.timeout(deadline_seconds):
                output, _ = await process.communicate()
        except TimeoutError:
            return Ran(status=None, said=f"no answer within {deadline_seconds:g} s")
        finally:
            await end(process)
        return Ran(status=process.returncode, said=output.decode(errors="replace").strip())

    def _arguments(self, where: OutOfBand) -> tuple[str, ...]:
        return (
            *("-I", self.interface, "-C", CIPHER_SUITE, "-N", ATTEMPT_SECONDS, "-R", ATTEMPTS),
            *("-H", where.address, "-p", str(where.port), "-U", where.username, "-E"),
        )


def code_of(ran: Ran) -> str:
    """Whether it was the address, the user or the password that was wrong, ipmitool does not tell."""
    if ran.status is None:
        return "timeout"
    if ran.status == 0:
        return "ok"
    return "no-session" if "Unable to establish" in ran.said else "error"


async def end(process: asyncio.subprocess.Process) -> None:
    """Nothing is left behind."""
    if process.returncode is None:
        process.kill()
        async with asyncio.timeout(REAP_SECONDS):
            await process.wait()
