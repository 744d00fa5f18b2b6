"""The BMC of a host: ipmi_sim in the out-of-band network, whose chassis control reaches the real power, and its bad moods.

Asked with `ipmitool -I lanplus -C 3 -U admin -P labpass -H ADDRESS chassis power status|off|on`."""

from __future__ import annotations

import asyncio
import signal
import sys
from enum import StrEnum
from pathlib import Path

from mainstay_cli.lab.chassis import Chassis
from mainstay_cli.lab.layout import NETNS_DIRECTORY
from mainstay_cli.lab.parts import SOURCES

USER = "admin"
PASSWORD = "labpass"


class Mood(StrEnum):
    """How a BMC takes orders."""

    HONEST = "honest"
    REFUSES = "refuses"  # an order to switch is an error (as "already off" is on many a BMC); status is true
    LIES = "lies"  # "ok" to every order, and nothing is switched; status is true
    LIES_OFF = "lies-off"  # "ok" to every order, nothing is switched, and status says off
    SILENT = "silent"  # takes the request and never answers
    DEAD = "dead"  # nobody there


class Bmc:
    """One BMC.  Its network namespace is its own, so that its cable can be cut."""

    def __init__(self, chassis: Chassis, control_socket: Path) -> None:
        self._chassis = chassis
        self._control_socket = control_socket
        self._directory = chassis.place.home / "bmc"
        self._simulator: asyncio.subprocess.Process | None = None
        self.mood = Mood.HONEST

    async def be(self, mood: Mood) -> None:
        self.mood = mood
        match mood:
            case Mood.DEAD:
                self._signal(signal.SIGKILL)
                self._simulator = None
            case Mood.SILENT:
                self._signal(signal.SIGSTOP)
            case _ if self._simulator is None:
                await self._start()
            case _:
                self._signal(signal.SIGCONT)

    def power_status(self) -> bool:
        """As the BMC tells it."""
        return self._chassis.is_on and self.mood is not Mood.LIES_OFF

    def will_switch(self) -> bool:
        return self.mood is Mood.HONEST

    def _signal(self, what: signal.Signals) -> None:
        if self._simulator is not None and self._simulator.returncode is None:
            self._simulator.send_signal(what)

    async def _start(self) -> None:
        state = self._directory / "state"
        state.mkdir(parents=True, exist_ok=True)
        lan, commands = self._directory / "lan.conf", self._directory / "commands"
        lan.write_text(self._lan_configuration())
        commands.write_text("mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n")
        enter = ("nsenter", f"--net={NETNS_DIRECTORY / self._chassis.place.bmc_netns}")
        simulator = ("ipmi_sim", "-n", "-c", str(lan), "-f", str(commands), "-s", str(state))
        with (self._directory / "log").open("ab") as log:
            self._simulator = await asyncio.create_subprocess_exec(*enter, *simulator, stdout=log, stderr=log)

    def _lan_configuration(self) -> str:
        place = self._chassis.place
        control = f"{sys.executable} -IS {SOURCES / 'chassis-control'} {self._control_socket} {place.name}"
        return f"""name "{place.name}"
set_working_mc 0x20
startlan 1
  addr {place.bmc_ip} 623
  priv_limit admin
  allowed_auths_admin md5
  guid {place.uuid.replace("-", "")}
endlan
chassis_control "{control}"
user 2 true "{USER}" "{PASSWORD}" admin 10 md5
"""
