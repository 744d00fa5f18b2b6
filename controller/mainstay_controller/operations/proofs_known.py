"""Since when has this controller known of each proof?  Another that takes over counts from when it hears of it.

Of many the oldest are forgotten, and count from anew."""

from __future__ import annotations

from dataclasses import dataclass, field

from mainstay_controller.domain.ha.proof import Proof

KEPT_MAX = 10_000


@dataclass(slots=True)
class ProofsKnown:
    _since: dict[tuple[str, Proof], float] = field(default_factory=dict)

    def known_since(self, incident_id: str, proof: Proof, now: float) -> float:
        """In that incident: of another silence the same may be proven again."""
        if len(self._since) >= KEPT_MAX:
            del self._since[next(iter(self._since))]
        return self._since.setdefault((incident_id, proof), now)
