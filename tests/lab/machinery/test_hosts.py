"""A host of the lab dies and comes back as a machine does."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from mainstay_cli.lab.bmc import PASSWORD, USER, Mood
from mainstay_cli.lab.host import LabHost
from mainstay_cli.lab.lab import Lab
from mainstay_cli.lab.processes import CommandFailed
from mainstay_cli.lab.waiting import until

pytestmark = pytest.mark.lab

FIRED_DEADLINE_SECONDS = 30.0


async def ipmi(lab: Lab, host: LabHost, *words: str) -> str:
    login = ("-I", "lanplus", "-C", "3", "-N", "1", "-R", "3", "-U", USER, "-P", PASSWORD, "-H", host.bmc_ip)
    return (await lab.run(["ipmitool", *login, "chassis", "power", *words])).strip()


async def answers_ping(lab: Lab, host: LabHost) -> bool:
    try:
        await lab.run(["ping", "-c", "1", "-W", "1", host.ip])
    except CommandFailed:
        return False
    return True


async def send_to_watchdog(host: LabHost, *words: str) -> None:
    await host.run(["python3", "-c", SAY_TO_WATCHDOG, *words])


SAY_TO_WATCHDOG = """
import socket, sys, time
card = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
card.connect("/run/mainstay-watchdog.sock")
for word in sys.argv[1:]:
    card.send(word.encode() + b"\\n")
    time.sleep(0.1)
"""


async def test_every_host_has_processes_names_and_a_boot_of_its_own(lab: Lab) -> None:
    names = [(await host.run(["hostname"])).strip() for host in lab.hosts]
    boot_ids = {await host.run(["cat", "/proc/sys/kernel/random/boot_id"]) for host in lab.hosts}
    daemons = [len(await host.programs("libvirtd")) for host in lab.hosts]

    assert names == ["h1", "h2", "h3"]
    assert len(boot_ids) == 3
    assert daemons == [1, 1, 1]
    assert "h2" in await lab.host(1).run(["ping", "-c", "1", "-W", "1", "h2"])


async def test_a_host_that_lost_power_is_silent_and_boots_anew(lab: Lab) -> None:
    host = lab.host(1)
    boot_id = await host.run(["cat", "/proc/sys/kernel/random/boot_id"])
    await host.run(["touch", "/run/forgotten", "/srv/local/kept"])
    agent = await host.spawn(["sleep", "1000"], name="agent")

    await host.switch_off()

    assert not agent.is_alive()
    assert not await answers_ping(lab, host)
    await host.switch_on()
    assert await host.run(["cat", "/proc/sys/kernel/random/boot_id"]) != boot_id
    assert await host.run(["sh", "-c", "ls /run/forgotten /srv/local/kept || true"]) == "/srv/local/kept\n"
    assert await answers_ping(lab, host)


async def test_the_bmc_really_switches_the_host(lab: Lab) -> None:
    host = lab.host(2)
    assert await ipmi(lab, host, "status") == "Chassis Power is on"

    await ipmi(lab, host, "off")

    assert not await host.is_on()
    assert await ipmi(lab, host, "status") == "Chassis Power is off"
    await ipmi(lab, host, "on")
    await until(host.is_on, "the host is on again", 60)


@pytest.mark.parametrize(
    ("mood", "off_is_accepted", "status_after"),
    [(Mood.LIES, True, "on"), (Mood.LIES_OFF, True, "off"), (Mood.REFUSES, False, "on")],
)
async def test_a_bmc_in_a_bad_mood_leaves_the_power_on(
    lab: Lab, mood: Mood, off_is_accepted: bool, status_after: str
) -> None:
    host = lab.host(2)
    await host.set_bmc_mood(mood)

    accepted = True
    try:
        await ipmi(lab, host, "off")
    except CommandFailed:
        accepted = False

    assert accepted == off_is_accepted
    assert await host.is_on()
    assert await ipmi(lab, host, "status") == f"Chassis Power is {status_after}"


@pytest.mark.parametrize("mood", [Mood.SILENT, Mood.DEAD])
async def test_a_bmc_that_does_not_answer_leaves_the_power_on(lab: Lab, mood: Mood) -> None:
    host = lab.host(2)
    await host.set_bmc_mood(mood)

    with pytest.raises(CommandFailed):
        await ipmi(lab, host, "off")

    assert await host.is_on()
    await host.set_bmc_mood(Mood.HONEST)
    await until(lambda: says_on(lab, host), "the BMC answers again", 60)


async def says_on(lab: Lab, host: LabHost) -> bool:
    try:
        return await ipmi(lab, host, "status") == "Chassis Power is on"
    except CommandFailed:
        return False


async def test_a_cut_cable_isolates_one_host(lab: Lab) -> None:
    host = lab.host(3)

    await host.cut_network()

    assert not await answers_ping(lab, host)
    assert await answers_ping(lab, lab.host(1))
    assert await ipmi(lab, host, "status") == "Chassis Power is on"
    await host.heal_network()
    assert await answers_ping(lab, host)


async def is_off(host: LabHost) -> bool:
    return not await host.is_on()


async def test_a_watchdog_that_is_petted_keeps_the_host(lab: Lab) -> None:
    host = lab.host(1)

    await send_to_watchdog(host, "arm 2", *["pet"] * 30, "disarm")
    assert await host.is_on()
    await asyncio.sleep(2.5)

    assert await host.is_on()


async def test_a_watchdog_that_is_not_petted_kills_the_host_and_every_process_of_it(lab: Lab) -> None:
    host = lab.host(1)
    agent = await host.spawn(["sleep", "1000"], name="agent")

    await send_to_watchdog(host, "arm 0.5")
    await until(partial(is_off, host), "the watchdog fires", FIRED_DEADLINE_SECONDS)

    assert not agent.is_alive()
    assert "h1 power cut: watchdog not petted for 0.5 s" in lab.journal()


async def test_a_frozen_host_is_killed_by_its_watchdog(lab: Lab) -> None:
    host = lab.host(1)
    await host.spawn(["sleep", "1000"], name="agent")
    await send_to_watchdog(host, "arm 1")

    await host.freeze()

    await until(partial(is_off, host), "the watchdog fires", FIRED_DEADLINE_SECONDS)
