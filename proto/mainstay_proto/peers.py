"""The words between controllers: who holds which host, and orders handed on to him who holds it.

An order travels as the Command it will be, and its answer as the host's own CommandResult."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_proto.messages import PoolLease


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturesWanted:
    """What changed `after` that word of that `life`; of another life: everything."""

    life: str
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPicture:
    """What others must know of a host to give it orders.  `moving`: sent to another controller, and not heard of since."""

    host_id: str
    connected: bool
    boot_id: str
    leases: tuple[PoolLease, ...] = ()
    moving: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """`upto`: what to ask after the next time."""

    life: str
    upto: int
    hosts: tuple[HostPicture, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Oriented:
    """Whether the host was there to be told its pools."""

    told: bool
