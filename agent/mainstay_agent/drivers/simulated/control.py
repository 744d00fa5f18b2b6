"""How a demo or a test hurts a simulated world from another process: plain HTTP on loopback, no secrets.

    GET  /world                      hosts, their guests, violations of promise 1
    POST /world/VERB {"target": ..., ...}

Verbs, with what they take beside `target` (a host by name or id for the first group, a guest by name or id for the second):

    power-off   power-on   reset   cut-network   heal-network   hang-hypervisor   wake-hypervisor
    cut-storage {"pool": id or absent for all, "how": hangs | fails}   heal-storage {"pool"}
    slow-storage {"seconds"}   fail-starts {"count"}
    bmc {"manner": honest | silent | late | idle | lying | broken | powerless, "delay_seconds"}

    crash-guest   shutdown-guest   hang-guest   wake-guest   destroy-guest

    heal        no target: every cable, pool and daemon is whole, and every host that is off is switched on

Answered 200 with {"host": name}, or 400 with {"error": sentence}."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from mainstay_agent.drivers.simulated.bmc import Manner
from mainstay_agent.drivers.simulated.host import SimulatedHost, StorageCondition
from mainstay_agent.drivers.simulated.world import SimulatedWorld
from mainstay_runtime.errors import BadInput

Arguments = Mapping[str, object]


class ControlDesk:
    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._host_verbs: Mapping[str, Callable[[SimulatedHost, Arguments], None]] = {
            "power-off": lambda host, _: host.power_off(),
            "power-on": lambda host, _: host.power_on(),
            "reset": lambda host, _: host.reset(),
            "cut-network": lambda host, _: host.cut_network(),
            "heal-network": lambda host, _: host.heal_network(),
            "hang-hypervisor": lambda host, _: host.hang_daemon(),
            "wake-hypervisor": lambda host, _: host.wake_daemon(),
            "cut-storage": _cut_storage,
            "heal-storage": lambda host, given: host.set_storage(StorageCondition.OK, _text(given, "pool")),
            "slow-storage": _slow_storage,
            "fail-starts": _fail_starts,
            "bmc": self._set_bmc,
        }
        self._guest_verbs: Mapping[str, Callable[[str], SimulatedHost]] = {
            "crash-guest": world.crash_guest,
            "shutdown-guest": world.shut_down_guest,
            "destroy-guest": world.destroy_by_outsider,
            "hang-guest": world.hang_guest,
            "wake-guest": world.wake_guest,
        }

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/world", self.show), web.post("/world/{verb}", self.hurt)]

    async def show(self, _request: web.Request) -> web.Response:
        hosts = [_shown(host) for host in self._world.hosts.values()]
        return web.json_response({"hosts": hosts, "violations": self._world.violations})

    async def hurt(self, request: web.Request) -> web.Response:
        try:
            given = await request.json() if request.can_read_body else {}
            return web.json_response(self._do(request.match_info["verb"], given))
        except (BadInput, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)

    def _do(self, verb: str, untrusted: object) -> dict[str, str]:
        if not isinstance(untrusted, dict):
            raise BadInput("the body must be a JSON object")
        if verb == "heal":
            self._world.heal()
            return {}
        target = _text(untrusted, "target")
        if target is None:
            raise BadInput("target is missing")
        if verb in self._host_verbs:
            host = self._world.host(target)
            self._host_verbs[verb](host, untrusted)
        elif verb in self._guest_verbs:
            host = self._guest_verbs[verb](target)
        else:
            raise BadInput(f"{verb!r} is none of {', '.join([*self._host_verbs, *self._guest_verbs, 'heal'])}")
        return {"host": host.facts.name}

    def _set_bmc(self, host: SimulatedHost, given: Arguments) -> None:
        bmc = self._world.bmcs[host.host_id]
        bmc.manner = Manner(_text(given, "manner") or Manner.HONEST)
        bmc.delay_seconds = float(_text(given, "delay_seconds") or 0.0)


def _cut_storage(host: SimulatedHost, given: Arguments) -> None:
    host.set_storage(StorageCondition(_text(given, "how") or StorageCondition.HANGS), _text(given, "pool"))


def _slow_storage(host: SimulatedHost, given: Arguments) -> None:
    host.storage_delay_seconds = float(_text(given, "seconds") or 1.0)


def _fail_starts(host: SimulatedHost, given: Arguments) -> None:
    host.starts_to_fail = int(_text(given, "count") or 1)


def _text(given: Arguments, name: str) -> str | None:
    value = given.get(name)
    return None if value is None else str(value)


def _shown(host: SimulatedHost) -> dict[str, object]:
    return {
        "host_id": host.host_id,
        "name": host.facts.name,
        "powered": host.powered.is_set(),
        "network_up": host.network_up,
        "hypervisor_answers": host.daemon_answers.is_set(),
        "storage_faults": {pool_id or "all": condition for pool_id, condition in host.storage_faults().items()},
        "guests": [
            {"vm_id": copy.spec.vm_id, "name": copy.spec.name, "epoch": copy.spec.epoch, "state": copy.state}
            for copy in host.copies.values()
        ],
    }
