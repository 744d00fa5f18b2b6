"""Power by IPMI, against ipmi_sim."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from pathlib import Path

from mainstay_controller.domain.ha.case import PowerState
from mainstay_controller.fleet.power.ipmitool import Ipmitool
from mainstay_controller.fleet.power.port import PowerAction
from tests.integration.power.conftest import Bmc, a_place, free_port

SECONDS = 30.0
ipmitool = Ipmitool()


async def until_it_answers(ipmi: Bmc) -> None:
    for _ in range(10):
        if (await ipmitool.status(ipmi.place, SECONDS)).code == "ok":
            return
    raise AssertionError("ipmi_sim does not answer")


async def test_it_is_read_switched_off_read_again_and_switched_on(ipmi: Bmc) -> None:
    await until_it_answers(ipmi)

    assert (await ipmitool.status(ipmi.place, SECONDS)).state is PowerState.ON
    assert (await ipmitool.act(ipmi.place, PowerAction.OFF, SECONDS)).state is PowerState.OFF
    assert ipmi.state.read_text() == "0\n"
    assert (await ipmitool.act(ipmi.place, PowerAction.ON, SECONDS)).state is PowerState.ON


async def test_off_of_a_host_that_is_off_says_off(ipmi: Bmc) -> None:
    await until_it_answers(ipmi)
    ipmi.state.write_text("0\n")

    assert (await ipmitool.act(ipmi.place, PowerAction.OFF, SECONDS)).state is PowerState.OFF


async def test_an_order_that_was_accepted_and_did_nothing_leaves_it_on(ipmi: Bmc) -> None:
    await until_it_answers(ipmi)
    ipmi.stuck.touch()

    said = await ipmitool.act(ipmi.place, PowerAction.OFF, SECONDS)

    assert said.state is PowerState.ON


async def test_a_wrong_password_proves_nothing(ipmi: Bmc) -> None:
    await until_it_answers(ipmi)

    said = await ipmitool.status(replace(ipmi.place, password="wrong"), SECONDS)

    assert (said.state, said.code) == (PowerState.UNKNOWN, "no-session")


async def test_nobody_there_is_unknown_within_the_deadline() -> None:
    began = time.monotonic()

    said = await ipmitool.status(a_place("ipmitool", free_port(socket.SOCK_DGRAM)), 2.0)

    assert said.state is PowerState.UNKNOWN
    assert time.monotonic() - began < 10


async def test_a_missing_program_is_unknown() -> None:
    said = await Ipmitool(program="/no/such/ipmitool").status(a_place("ipmitool", 623), 2.0)

    assert (said.state, said.code) == (PowerState.UNKNOWN, "error")


async def test_the_password_is_not_on_the_command_line(tmp_path: Path) -> None:
    spy = tmp_path / "ipmitool"
    spy.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\necho "$IPMI_PASSWORD" > {tmp_path}/environment\n')
    spy.chmod(0o755)

    await Ipmitool(program=str(spy)).status(a_place("ipmitool", 623), 5.0)

    assert "a-secret" not in (tmp_path / "arguments").read_text()
    assert (tmp_path / "environment").read_text() == "a-secret\n"
