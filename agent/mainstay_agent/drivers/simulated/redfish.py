"""A Redfish service for the power controllers of simulated hosts, so that the driver which powers real machines powers these.

Paths and bodies are those of DMTF's Redfish as sushy's emulator serves them; a system is named by its host's id or name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from mainstay_agent.drivers.simulated.bmc import BmcError, NoAnswer, ResetType, SimulatedBmc
from mainstay_agent.drivers.simulated.world import SimulatedWorld
from mainstay_runtime.errors import BadInput

ROOT = "/redfish/v1"
SYSTEMS = f"{ROOT}/Systems"
RESET = "Actions/ComputerSystem.Reset"
GIVES_UP_SECONDS = 300.0  # a silent controller keeps the line this long


class RedfishService:
    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{ROOT}/", self.root),
            web.get(SYSTEMS, self.systems),
            web.get(f"{SYSTEMS}/{{system}}", self.system),
            web.post(f"{SYSTEMS}/{{system}}/{RESET}", self.reset),
        ]

    async def root(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {"@odata.id": ROOT, "Id": "RootService", "RedfishVersion": "1.5.0", "Systems": {"@odata.id": SYSTEMS}}
        )

    async def systems(self, _request: web.Request) -> web.Response:
        members = [{"@odata.id": f"{SYSTEMS}/{host.facts.name}"} for host in self._world.hosts.values()]
        return web.json_response(
            {"@odata.id": SYSTEMS, "Name": "Systems", "Members@odata.count": len(members), "Members": members}
        )

    async def system(self, request: web.Request) -> web.Response:
        async def describe(name: str, bmc: SimulatedBmc) -> web.Response:
            return web.json_response(
                {
                    "@odata.id": f"{SYSTEMS}/{name}",
                    "Id": name,
                    "Name": name,
                    "UUID": self._world.host(name).host_id,
                    "PowerState": await bmc.power(),
                    "Actions": {
                        "#ComputerSystem.Reset": {
                            "target": f"{SYSTEMS}/{name}/{RESET}",
                            "ResetType@Redfish.AllowableValues": [str(kind) for kind in ResetType],
                        }
                    },
                }
            )

        return await self._with_bmc(request, describe)

    async def reset(self, request: web.Request) -> web.Response:
        async def obey(_name: str, bmc: SimulatedBmc) -> web.Response:
            untrusted = await request.json()
            try:
                order = ResetType(untrusted["ResetType"])
            except (ValueError, KeyError, TypeError):
                return _error(400, "ResetType is missing or not one of the allowable values")
            await bmc.reset(order)
            return web.Response(status=204)

        return await self._with_bmc(request, obey)

    async def _with_bmc(
        self, request: web.Request, work: Callable[[str, SimulatedBmc], Awaitable[web.Response]]
    ) -> web.Response:
        try:
            host = self._world.host(request.match_info["system"])
            return await work(host.facts.name, self._world.bmcs[host.host_id])
        except BadInput as error:
            return _error(404, str(error))
        except BmcError as error:
            return _error(500, str(error) or "internal error")
        except NoAnswer:
            await self._world.clock.sleep(GIVES_UP_SECONDS)
            return _error(503, "no answer")


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": "Base.1.0.GeneralError", "message": message}}, status=status)
