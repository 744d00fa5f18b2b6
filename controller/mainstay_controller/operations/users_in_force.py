"""What was told to a user in confidence ends with the user."""

from __future__ import annotations

from mainstay_controller.domain.ids import UserId
from mainstay_controller.domain.states import ENABLED
from mainstay_controller.store.port import Store


async def is_in_force(user_id: UserId, store: Store) -> bool:
    """Neither the user nor the account is disabled, locked or removed."""
    user = await store.users.get(user_id)
    if user is None or user.removed is not None or user.state != ENABLED:
        return False
    account = await store.accounts.by_id(user.account_id)
    return account.state == ENABLED and account.removed is None
