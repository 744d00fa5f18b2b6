"""Roles: the four kinds of account, and the role each has by default."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from mainstay_controller.domain.ids import RoleId


class Role(StrEnum):
    """An account's kind, as CloudStack names role types."""

    ROOT_ADMIN = "Admin"
    DOMAIN_ADMIN = "DomainAdmin"
    USER = "User"
    READ_ONLY_ADMIN = "ReadOnlyAdmin"


ACCOUNT_TYPES: Mapping[Role, int] = {
    Role.USER: 0,
    Role.ROOT_ADMIN: 1,
    Role.DOMAIN_ADMIN: 2,
    Role.READ_ONLY_ADMIN: 4,
}
"""The numbers by which `accounttype` and `type` tell them."""

SEES_EVERYTHING = frozenset({Role.ROOT_ADMIN, Role.READ_ONLY_ADMIN})

DEFAULT_ROLES: Mapping[Role, tuple[RoleId, str]] = {
    Role.ROOT_ADMIN: (RoleId("00000000-0000-4000-8000-0000000000a1"), "Root Admin"),
    Role.DOMAIN_ADMIN: (RoleId("00000000-0000-4000-8000-0000000000a2"), "Domain Admin"),
    Role.USER: (RoleId("00000000-0000-4000-8000-0000000000a3"), "User"),
    Role.READ_ONLY_ADMIN: (RoleId("00000000-0000-4000-8000-0000000000a4"), "Read-Only Admin - Default"),
}
"""The role of each kind that is there from the beginning: its id and name."""
