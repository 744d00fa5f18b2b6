"""`mainstay-agent`: the duties of a hypervisor host, put together.

One process speaks for one KVM host, or for many simulated ones.  A driver's package is imported only where it is chosen, so that a host
without libvirt can simulate.  SIGTERM and SIGINT end the agent with a goodbye; guests run on."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from mainstay_agent.main.service import Time
from mainstay_agent.main.settings import AgentSettings, DriverName
from mainstay_runtime import logs, settings
from mainstay_runtime.clock import SystemClock, SystemRng
from mainstay_runtime.errors import MainstayError

PREFIX = "MAINSTAY_AGENT_"
EPILOG = f"Every setting can also be given as {PREFIX}NAME in the environment, or by its name in the TOML file."


def main() -> None:
    try:
        chosen = read_settings(sys.argv[1:])
        logs.configure(chosen.log_format, chosen.log_level)
        asyncio.run(run(chosen))
    except MainstayError as error:
        sys.exit(f"mainstay-agent: {error}")


def read_settings(arguments: list[str]) -> AgentSettings:
    parser = argparse.ArgumentParser("mainstay-agent", description="The Mainstay agent of a host.", epilog=EPILOG)
    parser.add_argument("--config", type=Path, help="a TOML file")
    for name, what in OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, help=what)
    given = vars(parser.parse_args(arguments))
    return settings.load(AgentSettings, prefix=PREFIX, file=given.pop("config"), given=given)


OPTIONS = {
    "driver": "libvirt or simulated",
    "controllers": "HOST:8250 of one or more controllers, with commas",
    "invitation": "the line that addHost gave; needed at the first start only",
    "state_dir": "where the identity is kept",
    "run_dir": "a tmpfs for what must not outlive the host's boot",
    "world": "simulated: a JSON file that names the hosts",
    "hosts": "simulated: or how many ordinary hosts",
    "cluster_name": "simulated: begins the names of ordinary hosts",
    "invitations": "simulated: a JSON file {name of host: invitation}",
    "desk": "simulated: HOST:PORT of the power controllers and of the desk that hurts hosts",
    "log_format": "key-value or json",
    "log_level": "DEBUG, INFO, WARNING or ERROR",
}


async def run(chosen: AgentSettings) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    time = Time(clock=SystemClock(), rng=SystemRng())
    for directory in (chosen.state_dir, chosen.run_dir):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    match chosen.driver:
        case DriverName.SIMULATED:
            from mainstay_agent.main import simulated

            await simulated.serve(chosen, time, stop)
        case DriverName.LIBVIRT:
            from mainstay_agent.main import kvm

            await kvm.serve(chosen, time, stop)
