"""Which simulated hosts there are to be: a JSON file, or as many ordinary ones as are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from mainstay_agent.drivers.simulated.world import Pace
from mainstay_proto.messages import HostFacts
from mainstay_runtime.clock import Rng
from mainstay_runtime.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    name: str
    ip: str
    invitation: str = ""  # needed until the host has an identity
    cpu_sockets: int = 2
    cpus: int = 16
    cpu_mhz: int = 2400
    memory_mib: int = 65536

    def facts(self, host_id: str, rng: Rng) -> HostFacts:
        return HostFacts(
            host_id=host_id,
            name=self.name,
            hypervisor="Simulator",
            hypervisor_version="1.0",
            boot_id=rng.uuid(),
            ip=self.ip,
            cpu_sockets=self.cpu_sockets,
            cpus=self.cpus,
            cpu_mhz=self.cpu_mhz,
            memory_mib=self.memory_mib,
            url=f"sim://{host_id}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldPlan:
    hosts: tuple[HostPlan, ...]
    pace: Pace = field(default_factory=Pace)


Shape = TypeVar("Shape")
PLAN: TypeAdapter[WorldPlan] = TypeAdapter(WorldPlan)
INVITATIONS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


def read_plan(path: Path) -> WorldPlan:
    """{"hosts": [{"name": "c0-h0", "ip": "10.1.0.1", "invitation": "mainstay1...."}], "pace": {...}}"""
    return _read(PLAN, path)


def ordinary_plan(hosts: int, cluster_name: str, invitations: Path | None) -> WorldPlan:
    """`cluster_name`-h0 and so on; `invitations` is a JSON file {name of host: invitation}."""
    invited = _read(INVITATIONS, invitations) if invitations is not None else {}
    names = [f"{cluster_name}-h{number}" for number in range(hosts)]
    return WorldPlan(
        hosts=tuple(
            HostPlan(name=name, ip=f"10.{number // 250}.{number % 250}.1", invitation=invited.get(name, ""))
            for number, name in enumerate(names)
        )
    )


def _read(shape: TypeAdapter[Shape], path: Path) -> Shape:
    try:
        return shape.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BadInput(f"{path}: {error}") from error
