"""The lab's networks: a management and an out-of-band bridge in the fabric, a cable from each to every host and BMC.

A cut cable is a bridge port taken out: both ends keep their link, and nothing passes, as when a switch dies."""

from __future__ import annotations

from mainstay_cli.lab.layout import HostPlace, Layout
from mainstay_cli.lab.processes import CommandFailed, run
from mainstay_runtime.tasks import all_of

MANAGEMENT = "mgmt"
OUT_OF_BAND = "oob"


async def lay(layout: Layout) -> None:
    await _ip_batch([f"netns add {name}" for name in layout.netns_names()])
    await _ip_batch(_desk_script(layout))
    await _ip_batch(_fabric_script(layout), netns=layout.fabric)
    ends = [_ip_batch(_host_script(place), netns=place.netns) for place in layout.hosts]
    bmc_ends = [_ip_batch(_bmc_script(place), netns=place.bmc_netns) for place in layout.hosts]
    await all_of(*ends, *bmc_ends)


async def remove(layout: Layout) -> None:
    """Processes must be gone; what is not there is no error."""
    await _ip_batch([f"netns delete {name}" for name in layout.netns_names()], force=True)


async def cut(layout: Layout, cable: str) -> None:
    await _ip_batch([f"link set {cable} nomaster"], netns=layout.fabric)


async def heal(layout: Layout, cable: str, bridge: str) -> None:
    await _ip_batch([f"link set {cable} master {bridge}"], netns=layout.fabric)


def _fabric_script(layout: Layout) -> list[str]:
    script = ["link set lo up", *_bridge(MANAGEMENT), *_bridge(OUT_OF_BAND)]
    script += [f"address add {ip}/24 dev {MANAGEMENT}" for ip in layout.controller_ips]
    script += [f"address add {layout.oob_network}.1/24 dev {OUT_OF_BAND}"]
    script += [f"link set desk master {MANAGEMENT}", "link set desk up"]
    for place in layout.hosts:
        script += _cable(place.cable, "eth0", place.netns, MANAGEMENT)
        script += _cable(place.bmc_cable, "eth0", place.bmc_netns, OUT_OF_BAND)
    return script


def _desk_script(layout: Layout) -> list[str]:
    """It vanishes with the fabric."""
    return [
        f"link add {layout.desk_cable} type veth peer name desk netns {layout.fabric}",
        f"address add {layout.desk_ip}/24 dev {layout.desk_cable}",
        f"link set {layout.desk_cable} up",
    ]


def _host_script(place: HostPlace) -> list[str]:
    return [
        "link set lo up",
        *_bridge("br0"),
        "link set eth0 master br0",
        "link set eth0 up",
        f"address add {place.ip}/24 dev br0",
    ]


def _bmc_script(place: HostPlace) -> list[str]:
    return ["link set lo up", f"address add {place.bmc_ip}/24 dev eth0", "link set eth0 up"]


def _bridge(name: str) -> list[str]:
    return [f"link add {name} type bridge forward_delay 0", f"link set {name} up"]


def _cable(here: str, there: str, netns: str, bridge: str) -> list[str]:
    return [
        f"link add {here} type veth peer name {there} netns {netns}",
        f"link set {here} master {bridge}",
        f"link set {here} up",
    ]


async def _ip_batch(script: list[str], *, netns: str | None = None, force: bool = False) -> None:
    where = ["-n", netns] if netns else []
    how = ["-force"] if force else []
    try:
        await run(["ip", *where, *how, "-batch", "-"], stdin="\n".join(script) + "\n")
    except CommandFailed:
        if not force:
            raise
