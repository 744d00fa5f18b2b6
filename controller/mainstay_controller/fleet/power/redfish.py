"""Power by Redfish: a system's PowerState, and ComputerSystem.Reset.

The address is a host's name; before it may stand http:// or https://, and after it the path of one system (/redfish/v1/Systems/ID)
where several are behind one address.

Each question opens its own connection with its own deadline: a power controller is asked rarely, and many of them cannot bear to be held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import aiohttp

from mainstay_controller.domain.ha.case import PowerState
from mainstay_controller.domain.records import OutOfBand
from mainstay_controller.fleet.power.port import PowerAction, PowerSaid

RESET_TYPES = {
    PowerAction.ON: "On",
    PowerAction.OFF: "ForceOff",
    PowerAction.CYCLE: "PowerCycle",
    PowerAction.RESET: "ForceRestart",
    PowerAction.SOFT: "GracefulShutdown",
}
SYSTEMS = "/redfish/v1/Systems"
AUTH_STATUS = frozenset({401, 403})


class RedfishError(Exception):
    """The power controller's answer is of no use."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redfish:
    """fleet.power.port.PowerController.  `use_https` and `ignore_ssl` are CloudStack's redfish.use.https and redfish.ignore.ssl."""

    use_https: bool = True
    ignore_ssl: bool = False

    async def status(self, where: OutOfBand, deadline_seconds: float) -> PowerSaid:
        try:
            async with self._session(where, deadline_seconds) as session:
                return await self._power_of(session, await self._system(session, where))
        except (RedfishError, aiohttp.ClientError, TimeoutError) as error:
            return said_of(error)

    async def act(self, where: OutOfBand, action: PowerAction, deadline_seconds: float) -> PowerSaid:
        """A controller may answer an error where there is nothing to do (already off): what counts is the status read afterwards."""
        if action is PowerAction.STATUS:
            return await self.status(where, deadline_seconds)
        try:
            async with self._session(where, deadline_seconds) as session:
                system = await self._system(session, where)
                refusal = await self._reset(session, system, action)
                after = await self._power_of(session, system)
        except (RedfishError, aiohttp.ClientError, TimeoutError) as error:
            return said_of(error)
        return after if refusal is None else PowerSaid(state=after.state, code=refusal.code, detail=str(refusal))

    @asynccontextmanager
    async def _session(self, where: OutOfBand, deadline_seconds: float) -> AsyncIterator[aiohttp.ClientSession]:
        async with aiohttp.ClientSession(
            base_url=f"{self._place(where).scheme}://{self._place(where).hostname}:{where.port}",
            auth=aiohttp.BasicAuth(where.username, where.password) if where.username else None,
            timeout=aiohttp.ClientTimeout(total=deadline_seconds),
            connector=aiohttp.TCPConnector(ssl=not self.ignore_ssl, force_close=True),
        ) as session:
            yield session

    def _place(self, where: OutOfBand) -> SplitResult:
        scheme = "https" if self.use_https else "http"
        return urlsplit(where.address if "://" in where.address else f"{scheme}://{where.address}")

    async def _system(self, session: aiohttp.ClientSession, where: OutOfBand) -> str:
        """The path of the one the address names, or of the only one there is."""
        path = self._place(where).path.rstrip("/")
        if path:
            return path
        members = (await get(session, SYSTEMS)).get("Members")
        paths = [str(member.get("@odata.id", "")) for member in members] if isinstance(members, list) else []
        if len(paths) != 1:
            raise RedfishError("error", f"{len(paths)} systems are behind {where.address}: name the path of one")
        return paths[0]

    async def _power_of(self, session: aiohttp.ClientSession, system: str) -> PowerSaid:
        said = str((await get(session, system)).get("PowerState"))
        states = {"On": PowerState.ON, "Off": PowerState.OFF}
        return PowerSaid(state=states.get(said, PowerState.UNKNOWN), detail=said)

    async def _reset(self, session: aiohttp.ClientSession, system: str, action: PowerAction) -> RedfishError | None:
        body = {"ResetType": RESET_TYPES[action]}
        path = f"{system.rstrip('/')}/Actions/ComputerSystem.Reset"
        async with session.post(path, json=body) as response:
            if response.status < 300:
                return None
            return refused(response.status, await response.text())


async def get(session: aiohttp.ClientSession, path: str) -> Mapping[str, object]:
    async with session.get(path) as response:
        if response.status != 200:
            raise refused(response.status, await response.text())
        untrusted_answer: object = await response.json(content_type=None)
        if not isinstance(untrusted_answer, dict):
            raise RedfishError("error", f"{path} is not an object")
        return untrusted_answer


def refused(status: int, text: str) -> RedfishError:
    return RedfishError("auth" if status in AUTH_STATUS else "error", f"HTTP {status}: {text[:200]}")


def said_of(error: Exception) -> PowerSaid:
    code = error.code if isinstance(error, RedfishError) else "timeout" if isinstance(error, TimeoutError) else "error"
    return PowerSaid(state=PowerState.UNKNOWN, code=code, detail=str(error) or type(error).__name__)
