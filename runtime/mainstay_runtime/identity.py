"""Who is at the other end: certificates of the cloud's own authority, and the name each of them carries.

The promise: a certificate names one role and one id as the URI `mainstay:<role>:<id>`, and nothing else about a peer is believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    AGENT = "agent"  # speaks for one or more hosts
    CONTROLLER = "controller"
    SYSTEM_VM = "systemvm"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerIdentity:
    """What a verified certificate says of its holder."""

    role: Role
    id: str
    serial: str  # hexadecimal
    not_after: datetime
