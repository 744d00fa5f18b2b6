"""Is there room for one more call?  Counted after the signature was verified, so that nobody spends another's calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from mainstay_controller.api.access import Caller
from mainstay_controller.api.errors import LimitExceeded
from mainstay_controller.api.registry import Handled
from mainstay_controller.domain.roles import Role
from mainstay_controller.domain.throttle import Limit
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.throttle import CallCounter, limit_of_calls, limit_of_logins, limit_of_polls


@dataclass(frozen=True, slots=True)
class Admission:
    counter: CallCounter = field(default_factory=CallCounter)

    async def admit(self, caller: Caller, command: Handled, cloud: Cloud) -> None:
        """Raises LimitExceeded.  Root administrators are never throttled."""
        if not cloud.settings.throttling_enabled or caller.role is Role.ROOT_ADMIN:
            return
        if command.polls:
            await self._count(f"polls:{caller.account.id}", limit_of_polls(caller.account.id, cloud), cloud)
        else:
            await self._count(calls_of(caller), limit_of_calls(caller.account.id, cloud), cloud)

    async def admit_login(self, remote: str, cloud: Cloud) -> None:
        """Logins have a stricter limit of their own, whether throttling is on or not."""
        await self._count(f"logins:{remote}", limit_of_logins(cloud), cloud)

    async def _count(self, window_id: str, limit: Limit, cloud: Cloud) -> None:
        refused = await self.counter.count(window_id, limit, cloud)
        if refused is not None:
            raise LimitExceeded(refused.retry_after_ms)


def calls_of(caller: Caller) -> str:
    """The window in which an account's calls are counted."""
    return f"calls:{caller.account.id}"
