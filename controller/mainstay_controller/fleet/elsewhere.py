"""Hosts that other controllers hold: as those tell us, and the port by which orders reach them.

The limits: a picture is a second old, and one of a controller that fell silent counts no more.  It decides where an order is sent and under
which leases it is given; whether it is obeyed is the host's own to judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mainstay_controller.domain.ids import ControllerId, HostId
from mainstay_proto.messages import Command, CommandResult, Mounts
from mainstay_proto.peers import HostPicture, Pictures, PicturesWanted

FRESH_SECONDS = 3.0


class Relay(Protocol):
    """Another controller, by its address.  Each has a deadline of its own, and raises Unavailable when there was no answer."""

    async def perform(self, address: str, command: Command) -> CommandResult: ...

    async def orient(self, address: str, mounts: Mounts) -> bool: ...

    async def tell(self, address: str, wanted: PicturesWanted) -> Pictures: ...


@dataclass(slots=True)
class Peer:
    """One other controller, and what it said of its hosts."""

    address: str
    heard_at: float
    life: str = ""
    upto: int = 0

    def wanted(self) -> PicturesWanted:
        return PicturesWanted(life=self.life, after=self.upto)


class Elsewhere:
    def __init__(self) -> None:
        self._peers: dict[ControllerId, Peer] = {}
        self._pictures: dict[HostId, tuple[ControllerId, HostPicture]] = {}
        self._silence_over_at = float("-inf")

    def know(self, addresses: dict[ControllerId, str], now: float) -> None:
        """All other controllers that live."""
        for controller_id, address in addresses.items():
            self._peers.setdefault(controller_id, Peer(address, heard_at=now)).address = address
        for controller_id in self._peers.keys() - addresses.keys():
            self._note_silence(self._peers.pop(controller_id), now)

    def heard_since(self, now: float) -> float:
        """Since then each of them answered all the time, as far as it lives."""
        return now if any(is_silent(peer, now) for peer in self._peers.values()) else self._silence_over_at

    def peers(self) -> list[tuple[ControllerId, Peer]]:
        return list(self._peers.items())

    def heard(self, controller_id: ControllerId, told: Pictures, now: float) -> list[HostId]:
        """Hosts of which it is news that they are with that controller."""
        peer = self._peers.get(controller_id)
        if peer is None:
            return []
        self._note_silence(peer, now)
        peer.life, peer.upto, peer.heard_at = told.life, told.upto, now
        for picture in told.hosts:
            host_id = HostId(picture.host_id)
            known = self._pictures.get(host_id)
            if picture.connected or known is None or known[0] == controller_id:
                self._pictures[host_id] = (controller_id, picture)
        return [HostId(picture.host_id) for picture in told.hosts if picture.connected]

    def picture(self, host_id: HostId, now: float) -> HostPicture | None:
        """Of a host that is in session with a controller whom we hear."""
        found = self._found(host_id, now)
        return found[1] if found else None

    def address(self, host_id: HostId, now: float) -> str | None:
        found = self._found(host_id, now)
        return found[0].address if found else None

    def is_moving(self, host_id: HostId, now: float) -> bool:
        """By the word of a controller that sent it to another."""
        found = self._last_word(host_id, now)
        return found is not None and found[1].moving

    def _found(self, host_id: HostId, now: float) -> tuple[Peer, HostPicture] | None:
        found = self._last_word(host_id, now)
        return found if found is not None and found[1].connected else None

    def _last_word(self, host_id: HostId, now: float) -> tuple[Peer, HostPicture] | None:
        controller_id, picture = self._pictures.get(host_id, (None, None))
        if controller_id is None or picture is None:
            return None
        peer = self._peers.get(controller_id)
        return (peer, picture) if peer is not None and not is_silent(peer, now) else None

    def _note_silence(self, peer: Peer, now: float) -> None:
        """It is heard again, or lives no longer."""
        if is_silent(peer, now):
            self._silence_over_at = now


def is_silent(peer: Peer, now: float) -> bool:
    return now - peer.heard_at > FRESH_SECONDS
