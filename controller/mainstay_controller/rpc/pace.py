"""How many newcomers a second may be let in: as many as leave our own loop on time.  No clock, no await.

What an arrival costs depends on the machine, its database and whoever else works there, so nobody can know the right number before.  It is found:
a little faster as long as the loop wakes us on time, a third slower whenever it was late."""

from __future__ import annotations

from dataclasses import dataclass, replace

ON_TIME_SECONDS, LATE_SECONDS = 0.1, 0.3
"""A beat that waits so long is still far from being missed."""
FASTER, SLOWER = 1.08, 0.7
JUDGED_EVERY_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """It begins where ten thousand are in within half a minute."""

    per_second: float = 320.0
    least_per_second: float = 2.0
    most_per_second: float = 1000.0
    judged_at: float = float("-inf")
    latest_seconds: float = 0.0  # since then

    @classmethod
    def fixed(cls, per_second: float) -> Pace:
        return cls(per_second=per_second, least_per_second=per_second, most_per_second=per_second)

    def woken(self, late_seconds: float, now: float) -> Pace:
        """The loop was to wake us at a moment, and was so late."""
        latest_seconds = max(late_seconds, self.latest_seconds)
        if now - self.judged_at < JUDGED_EVERY_SECONDS:
            return replace(self, latest_seconds=latest_seconds)
        return replace(self, per_second=self._fitting(latest_seconds), judged_at=now, latest_seconds=0.0)

    def _fitting(self, latest_seconds: float) -> float:
        if latest_seconds > LATE_SECONDS:
            return max(self.least_per_second, self.per_second * SLOWER)
        if latest_seconds < ON_TIME_SECONDS:
            return min(self.most_per_second, self.per_second * FASTER)
        return self.per_second
