"""Real power controllers' software on loopback: OpenIPMI's ipmi_sim and OpenStack's sushy-emulator."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.records import OutOfBand
from tests.kit.needs import needs

USER, PASSWORD = "admin", "a-secret"
STARTS_SECONDS = 20.0
CHASSIS = """#!/bin/sh
# get|set, power, value
case "$1" in
get) echo "power:$(cat {state})" ;;
set) test -e {stuck} || echo "$3" > {state} ;;
esac
"""


def a_place(driver: str, port: int, **other: str) -> OutOfBand:
    facts: dict[str, Any] = {"address": "127.0.0.1", "username": USER, "password": PASSWORD, **other}
    return OutOfBand(id=HostId("h1"), created=datetime(2026, 1, 1, tzinfo=UTC), driver=driver, port=port, **facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bmc:
    """`state` holds 1 or 0; while `stuck` exists, orders are accepted and do nothing."""

    place: OutOfBand
    state: Path
    stuck: Path
    process: subprocess.Popen[bytes]


@pytest.fixture
def ipmi(tmp_path: Path) -> Iterator[Bmc]:
    needs("ipmi_sim", "ipmitool")
    port = free_port(socket.SOCK_DGRAM)
    state, stuck = tmp_path / "power", tmp_path / "stuck"
    state.write_text("1\n")
    chassis = tmp_path / "chassis"
    chassis.write_text(CHASSIS.format(state=state, stuck=stuck))
    chassis.chmod(0o755)
    configuration, commands = tmp_path / "lan.conf", tmp_path / "commands"
    configuration.write_text(f"""name "bmc"
set_working_mc 0x20
startlan 1
  addr 127.0.0.1 {port}
  priv_limit admin
  allowed_auths_admin md5
  guid a123456789abcdefa123456789abcdef
endlan
chassis_control "{chassis}"
user 2 true "{USER}" "{PASSWORD}" admin 10 md5
""")
    commands.write_text("mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n")
    (tmp_path / "state").mkdir()
    arguments = ["ipmi_sim", "-n", "-c", str(configuration), "-f", str(commands), "-s", str(tmp_path / "state")]
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        yield Bmc(place=a_place("ipmitool", port), state=state, stuck=stuck, process=process)
        process.kill()


@pytest.fixture(scope="module")
def redfish() -> Iterator[OutOfBand]:
    needs("python:sushy_tools")
    port = free_port(socket.SOCK_STREAM)
    emulator = str(Path(sys.executable).with_name("sushy-emulator"))
    arguments = [emulator, "--fake", "-i", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until_listening(port)
        yield a_place("redfish", port, address="http://127.0.0.1")
        process.kill()


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until_listening(port: int) -> None:
    ends_at = time.monotonic() + STARTS_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.1)
