"""What happened in one run, in order; as a timeline for people and as one number for the comparison of two runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b

from tests.kit.simulation.loop import sim_loop


@dataclass(slots=True)
class Story:
    lines: list[tuple[float, str, str]] = field(default_factory=list)

    def tell(self, who: str, what: str) -> None:
        self.lines.append((sim_loop().time(), who, what))

    def hear(self, who: str, what: str, error: BaseException | None) -> None:
        self.tell(who, f"  {what}" + (f" ({error!r})" if error is not None else ""))

    def digest(self) -> str:
        text = "\n".join(f"{at!r} {who} {what}" for at, who, what in self.lines)
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def timeline(self) -> str:
        return "\n".join(f"{at:9.3f} s  {who:<12} {what}" for at, who, what in self.lines)
