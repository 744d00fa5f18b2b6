"""CloudStack's numbers of kinds of accounts, which are roles here."""

from __future__ import annotations

from mainstay_controller.domain.roles import ACCOUNT_TYPES, Role
from mainstay_controller.operations.errors import InvalidParameter


def role_of_type(number: int) -> Role:
    for role, known in ACCOUNT_TYPES.items():
        if known == number:
            return role
    raise InvalidParameter("accounttype", f"it must be one of {', '.join(map(str, sorted(ACCOUNT_TYPES.values())))}")
