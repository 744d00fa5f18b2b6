"""Mainstay itself in a lab: controllers in the fabric, lease daemon and agent in every host, and a cloud made through the API.

    async with cloud_in(lab) as cloud:
        guest = await cloud.deploy("vm1")

Nothing here is special to a lab but addresses: the same programs, settings and commands serve a real site."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mainstay_cli.client import Client, Refused, Row, Unreachable, connected, nested, rows_in, text
from mainstay_cli.lab.bmc import PASSWORD, USER
from mainstay_cli.lab.guests import KERNEL_ARGUMENTS, MEMORY_MIB, find_guest
from mainstay_cli.lab.host import LabHost, LabProcess
from mainstay_cli.lab.lab import Lab
from mainstay_cli.lab.processes import send
from mainstay_cli.lab.tapes import make_tape
from mainstay_cli.lab.waiting import until
from mainstay_cli.profile import Profile
from mainstay_runtime.clock import SystemClock
from mainstay_runtime.tasks import all_of

LEASED, AGENT = "mainstay-leased", "mainstay-agent"
API_PORT, AGENT_PORT = 8080, 8250
CONTROLLER_START_SECONDS = 90.0
HOSTS_UP_SECONDS = 120.0
CAPACITY = {"cpus": 8, "cpu_mhz": 2000, "memory_mib": 2048}
BLANK_TAPE = "blank.raw"
DISK = re.compile(r"/srv/(\w+)/([\w.-]+\.raw)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """What a guest is run under; `local`: its disk is on its host."""

    ha: bool = True
    restart_after_shutdown: bool = False
    local: bool = False

    @property
    def name(self) -> str:
        words = ("ha" if self.ha else "plain", "again" * self.restart_after_shutdown, "local" * self.local)
        return "-".join(filter(None, words))


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """`tape` as the storage box holds it."""

    id: str
    name: str
    tape: Path


@dataclass(slots=True, kw_only=True)
class Ids:
    zone: str = ""
    pod: str = ""
    cluster: str = ""
    template: str = ""
    hosts: dict[str, str] = field(default_factory=dict)
    leased_pools: set[str] = field(default_factory=set)
    offerings: dict[str, str] = field(default_factory=dict)


class LabCloud:
    def __init__(self, lab: Lab, client: Client) -> None:
        self.lab = lab
        self.client = client
        self.ids = Ids()
        self.controllers: dict[int, LabProcess] = {}
        self.agents: dict[str, LabProcess] = {}
        self.leased: dict[str, LabProcess] = {}
        self.guests: list[Guest] = []
        self._offerings_made = asyncio.Lock()

    # programs

    def start_controller(self, number: int = 1) -> None:
        """Numbered from 1; a controller that comes back finds its state."""
        self.controllers[number] = start_controller(self.lab, number)

    async def controller_answers(self) -> None:
        await until(self._answers, "the controller answers", CONTROLLER_START_SECONDS)

    async def start_leased(self, host: LabHost) -> None:
        watchdog = "supervisor:/run/mainstay-watchdog.sock" if self.lab.layout.watchdogs else "none"
        settings = {"MAINSTAY_LEASED_WATCHDOG": watchdog}
        self.leased[host.name] = await host.spawn(_with(settings, _program(LEASED)), name="leased")

    async def start_agent(self, host: LabHost, invitation: str = "") -> None:
        settings = {
            "controllers": f"{self.lab.layout.controller_ips[0]}:{AGENT_PORT}",
            "state_dir": str(host.place.home / "agent"),
            "name": host.name,
            "ip": host.ip,
            "boot_id": (await host.run(["cat", "/proc/sys/kernel/random/boot_id"])).strip(),
            "domain_type": "qemu",
            "migration_url": f"qemu+tcp://{host.ip}/system",
            **{name: str(value) for name, value in CAPACITY.items()},
        }
        if invitation:
            settings["invitation"] = invitation
        environment = {f"MAINSTAY_AGENT_{name.upper()}": value for name, value in settings.items()}
        self.agents[host.name] = await host.spawn(_with(environment, _program(AGENT)), name="agent")

    async def revive(self, host: LabHost) -> None:
        """What a host's init does after a boot: lease daemon and agent run, and nothing twice."""
        if not await host.programs(LEASED):
            await self.start_leased(host)
        if not await host.programs(AGENT):
            await self.start_agent(host)

    # cloud

    async def build(self, *, lease_profile: str = "fast", fence_policy: str = "keep") -> None:
        """Places, hosts with their agents, the pools, the template and its tape."""
        ids, call = self.ids, self.client.call
        zone = {"name": "lab", "dns1": "10.0.0.2", "internaldns1": "10.0.0.2", "networktype": "Advanced"}
        ids.zone = _id(await call("createZone", zone | {"localstorageenabled": "true", "allocationstate": "Enabled"}))
        ids.pod = _id(await call("createPod", {"name": "pod1", "zoneid": ids.zone}))
        cluster = {"clustername": "c1", "hypervisor": "KVM", "leaseprofile": lease_profile, "fencepolicy": fence_policy}
        ids.cluster = _id(await call("addCluster", cluster | self._in_pod()))
        for host in self.lab.hosts:
            added = {"url": f"http://{host.ip}", "hypervisor": "KVM", "clusterid": ids.cluster}
            row = rows_in(await call("addHost", added | self._in_pod()))[0]
            ids.hosts[host.name] = text(row, "id")
            await self.start_leased(host)
            await self.start_agent(host, text(row, "invitation"))
        await until(self.all_hosts_take_guests, "all hosts are Up", HOSTS_UP_SECONDS)
        await self._store_tapes()
        await until(self.all_hosts_take_guests, "all hosts have their leases", HOSTS_UP_SECONDS)

    async def all_hosts_take_guests(self) -> bool:
        """Up, in session with the controller that answers, and with a valid lease on every shared pool."""
        try:
            up = await self.client.rows("listHosts", {"state": "Up"})
        except Unreachable:
            return False
        ready = [host for host in up if "lastpinged" in host and self.ids.leased_pools <= _leased_pools(host)]
        return len(ready) == len(self.lab.hosts)

    async def repair(self) -> None:
        """Every host on, whole, and Up again; every program that was killed is back."""
        await all_of(*(self._repair_host(host) for host in self.lab.hosts))
        for number, controller in self.controllers.items():
            controller.go_on()
            if not controller.is_alive():
                self.start_controller(number)
        await until(self.all_hosts_take_guests, "all hosts take guests again", HOSTS_UP_SECONDS)

    async def _repair_host(self, host: LabHost) -> None:
        await host.repair()
        await self.revive(host)

    async def _store_tapes(self) -> None:
        layout = self.lab.layout
        for pool in layout.pools:
            make_tape(layout.storage(pool) / BLANK_TAPE)
            shared = {"name": pool, "url": f"sharedmountpoint:///srv/{pool}", "clusterid": self.ids.cluster}
            self.ids.leased_pools.add(_id(await self.client.call("createStoragePool", shared | self._in_pod())))
        for host in self.lab.hosts:
            local = {"name": f"{host.name}-local", "url": "file:///srv/local", "scope": "HOST", "hasleases": "false"}
            await self.client.call(
                "createStoragePool", local | {"zoneid": self.ids.zone, "hostid": self.ids.hosts[host.name]}
            )
        template = {
            "name": "tape",
            "displaytext": "a guest that writes a tape",
            "url": f"file:///srv/{layout.pools[0]}/{BLANK_TAPE}",
            "format": "RAW",
            "hypervisor": "KVM",
            "zoneid": self.ids.zone,
            "kernel": str(layout.kernel),
            "initrd": str(layout.initramfs),
            "kernelarguments": KERNEL_ARGUMENTS,
        }
        self.ids.template = _id(await self.client.call("registerTemplate", template))

    @asynccontextmanager
    async def power_controllers(self) -> AsyncIterator[None]:
        """Within this block Mainstay may use the BMCs of the hosts."""
        await all_of(*(self._give_power_controller(host) for host in self.lab.hosts))
        try:
            yield
        finally:
            for host in self.lab.hosts:
                await self.finished("disableOutOfBandManagementForHost", {"hostid": self.ids.hosts[host.name]})

    async def _give_power_controller(self, host: LabHost) -> None:
        bmc = {"driver": "ipmitool", "address": host.bmc_ip, "port": "623", "username": USER, "password": PASSWORD}
        await self.client.call("configureOutOfBandManagement", {"hostid": self.ids.hosts[host.name]} | bmc)

    async def set_fence_policy(self, policy: str) -> None:
        await self.client.call("updateCluster", {"id": self.ids.cluster, "fencepolicy": policy})

    async def deploy(
        self, name: str, offering: Offering | None = None, *, on: LabHost | None = None, **told: str
    ) -> Guest:
        """Deployed and Running; `told`: what else the command is given."""
        wanted = {
            "name": name,
            "zoneid": self.ids.zone,
            "templateid": self.ids.template,
            "serviceofferingid": await self.offering(offering or Offering()),
            **told,
        }
        if on is not None:
            wanted["hostid"] = self.ids.hosts[on.name]
        vm = await self.finished("deployVirtualMachine", wanted)
        self.guests.append(guest := await self._guest(_id(vm), name))
        return guest

    async def offering(self, offering: Offering) -> str:
        async with self._offerings_made:
            if offering.name not in self.ids.offerings:
                self.ids.offerings[offering.name] = _id(
                    await self.client.call("createServiceOffering", _in_parameters(offering))
                )
        return self.ids.offerings[offering.name]

    async def _guest(self, vm_id: str, name: str) -> Guest:
        """Its tape is the disk that its emulator was started with."""
        host, emulator = await find_guest(self.lab.hosts, vm_id)
        (pool, file), *_ = DISK.findall(" ".join(emulator.argv))
        tape = host.place.local_pool / file if pool == "local" else self.lab.tape(file, pool)
        return Guest(id=vm_id, name=name, tape=tape)

    async def kill(self, guest: Guest) -> None:
        """kill -9 of its emulator."""
        _, emulator = await find_guest(self.lab.hosts, guest.id)
        send(emulator.pid, signal.SIGKILL)

    async def remove(self, guest: Guest) -> None:
        await self.finished("destroyVirtualMachine", {"id": guest.id, "expunge": "true"})
        self.guests.remove(guest)

    # asking

    async def vm(self, guest: Guest) -> Row:
        return (await self.client.rows("listVirtualMachines", {"id": guest.id}))[0]

    async def host_of(self, guest: Guest) -> LabHost:
        return self.lab.host_named(text(await self.vm(guest), "hostname"))

    async def decisions(self, guest: Guest) -> list[Row]:
        """What was decided about it and why, newest first."""
        explained = await self.client.call("explainVirtualMachine", {"id": guest.id})
        explanation = explained["explanation"]
        assert isinstance(explanation, dict)
        return nested(explanation, "decisions")

    async def finished(self, command: str, parameters: Mapping[str, str]) -> Row:
        """The result of a command that runs as a job."""
        asked = await self.client.call(command, parameters)
        return await self.client.job_result(command, text(asked, "jobid"), lambda _job: None)

    async def _answers(self) -> bool:
        try:
            await self.client.call("listZones")
        except (Unreachable, Refused):
            return False
        return True

    def _in_pod(self) -> dict[str, str]:
        return {"zoneid": self.ids.zone, "podid": self.ids.pod}


@asynccontextmanager
async def cloud_in(lab: Lab, *, lease_profile: str = "fast", fence_policy: str = "keep") -> AsyncIterator[LabCloud]:
    """One controller, and all hosts of the lab in one cluster."""
    first = start_controller(lab, 1)
    async with connected(await _first_admin(lab), SystemClock()) as client:
        cloud = LabCloud(lab, client)
        cloud.controllers[1] = first
        await cloud.controller_answers()
        await cloud.build(lease_profile=lease_profile, fence_policy=fence_policy)
        yield cloud


def start_controller(lab: Lab, number: int) -> LabProcess:
    argv = [
        _program("mainstay-controller"),
        f"--state-dir={controller_directory(lab, number)}",
        f"--name=controller{number}",
        f"--api-port={API_PORT}",
        f"--agent-port={AGENT_PORT}",
        f"--listen={lab.layout.controller_ips[number - 1]}",
        f"--advertise={lab.layout.controller_ips[number - 1]}:{AGENT_PORT}",
    ]
    return lab.spawn(argv, name=f"controller{number}")


async def _first_admin(lab: Lab) -> Profile:
    file = controller_directory(lab, 1) / "first-admin"

    async def is_written() -> bool:
        return file.exists() and file.read_text().endswith("\n")

    await until(is_written, "the first administrator is made", CONTROLLER_START_SECONDS)
    keys = dict(line.split("=", 1) for line in file.read_text().splitlines())
    file.unlink()
    url = f"http://{lab.layout.controller_ips[0]}:{API_PORT}/client/api"
    return Profile(url=url, api_key=keys["apikey"], secret_key=keys["secretkey"])


def controller_directory(lab: Lab, number: int) -> Path:
    return lab.layout.root / f"controller{number}"


def _program(name: str) -> str:
    return str(Path(sys.prefix) / "bin" / name)


def _with(environment: Mapping[str, str], *argv: str) -> list[str]:
    return ["env", *(f"{name}={value}" for name, value in environment.items()), *argv]


def _in_parameters(offering: Offering) -> dict[str, str]:
    return {
        "name": offering.name,
        "displaytext": offering.name,
        "cpunumber": "1",
        "cpuspeed": "500",
        "memory": str(MEMORY_MIB),
        "offerha": _flag(offering.ha),
        "restartafterguestshutdown": _flag(offering.restart_after_shutdown),
        "storagetype": "local" if offering.local else "shared",
    }


def _leased_pools(host: Row) -> set[str]:
    return set(text(host, "leasedpools").split(","))


def _id(answer: Row) -> str:
    """Of the object answered, be it listed, nested or bare."""
    listed = rows_in(answer)
    nested = [value for value in answer.values() if isinstance(value, dict)]
    return text((listed or nested or [answer])[0], "id")


def _flag(value: bool) -> str:
    return str(value).lower()
