"""What we tell other controllers of the hosts in session with us: each change once to whoever asks after it, all of it to whoever is new."""

from __future__ import annotations

from mainstay_controller.domain.ids import HostId
from mainstay_controller.fleet.presence import Presence, Presences
from mainstay_proto.peers import HostPicture, Pictures, PicturesWanted


class Telling:
    def __init__(self, life: str, hosts: Presences) -> None:
        self._life = life
        self._hosts = hosts
        self._turn = 0
        self._changed: dict[HostId, int] = {}

    def changed(self, host_id: HostId) -> None:
        self._turn += 1
        self._changed[host_id] = self._turn

    def tell(self, wanted: PicturesWanted) -> Pictures:
        after = wanted.after if wanted.life == self._life else 0
        news = [host_id for host_id, turn in self._changed.items() if turn > after]
        told = tuple(picture_of(host_id, self._hosts.get(host_id)) for host_id in news)
        return Pictures(life=self._life, upto=self._turn, hosts=told)


def picture_of(host_id: HostId, presence: Presence | None) -> HostPicture:
    if presence is None or presence.session is None or presence.arrival is None or not presence.is_held:
        moving = presence is not None and presence.is_moving
        return HostPicture(host_id=host_id, connected=False, moving=moving, boot_id="")
    return HostPicture(host_id=host_id, connected=True, boot_id=presence.arrival.boot_id, leases=presence.leases)
