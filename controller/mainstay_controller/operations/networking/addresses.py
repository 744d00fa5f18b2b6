"""Give guests addresses from their pod's range: which are taken is read from the guests' rows, so that none can leak.

The promise: no two living guests of a zone have one address.  Two who ask at once both write the pod's row; the later meets Stale and asks again."""

from __future__ import annotations

from ipaddress import IPv4Address

from mainstay_controller.domain.ids import NicId, PodId, ZoneId
from mainstay_controller.domain.records import Nic, Pod
from mainstay_controller.operations.checks import an_address
from mainstay_controller.operations.errors import InsufficientCapacity, InvalidParameter
from mainstay_controller.store.port import LIVE, Store, eq
from mainstay_runtime.clock import Rng

LOCALLY_ADMINISTERED = 0x02


async def a_nic(zone_id: ZoneId, pod_id: PodId | None, wanted: str, store: Store, rng: Rng) -> Nic:
    """In the caller's transaction.  In a zone whose pods have no range it is a NIC without an address."""
    nic = Nic(id=NicId(rng.uuid()), mac=a_mac(rng))
    where = [eq("id", pod_id)] if pod_id is not None else [eq("zone_id", zone_id)]
    ranged = [pod for pod in await store.pods.find(*where, LIVE) if pod.start_ip]
    if not ranged:
        if wanted:
            raise InvalidParameter("ipaddress", "no pod there has a range of addresses")
        return nic
    taken = {nic.ip for vm in await store.vms.find(eq("zone_id", zone_id), LIVE) for nic in vm.nics}
    for pod in ranged:
        ip = _wanted_or_free(pod, wanted, taken)
        if ip is not None:
            await store.pods.swap(pod, pod)
            return Nic(id=nic.id, mac=nic.mac, ip=ip, netmask=pod.netmask, gateway=pod.gateway, network_name=pod.name)
    if wanted:
        raise InvalidParameter("ipaddress", f"{wanted} is taken, or in no range of {', '.join(p.name for p in ranged)}")
    raise InsufficientCapacity(f"All addresses of {', '.join(pod.name for pod in ranged)} are taken")


def a_mac(rng: Rng) -> str:
    return ":".join(f"{byte:02x}" for byte in (LOCALLY_ADMINISTERED, *rng.token(5)))


def _wanted_or_free(pod: Pod, wanted: str, taken: set[str]) -> str | None:
    first, last = int(IPv4Address(pod.start_ip)), int(IPv4Address(pod.end_ip))
    if wanted:
        address = an_address("ipaddress", wanted)
        return address if str(address) in _range(first, last) and address not in taken else None
    return next((ip for ip in _range(first, last) if ip not in taken and ip != pod.gateway), None)


def _range(first: int, last: int) -> list[str]:
    return [str(IPv4Address(number)) for number in range(first, last + 1)]
