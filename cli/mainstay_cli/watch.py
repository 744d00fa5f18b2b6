"""Incidents as they happen: every new line of their timelines and every decision that settles, once, in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from mainstay_cli.client import Client, Row, nested, text
from mainstay_cli.story import decision_line, timeline_entry

POLL_SECONDS = 0.25
LOOKED_AT = 20


@dataclass(slots=True)
class Reader:
    """What was told already."""

    _told: set[tuple[str, ...]] = field(default_factory=set)

    def news(self, incidents: list[Row]) -> Iterator[str]:
        for incident in reversed(incidents):
            subject = text(incident, "hostname") or text(incident, "virtualmachinename")
            for entry in nested(incident, "timeline"):
                if self._is_new(text(incident, "id"), text(entry, "at"), text(entry, "text")):
                    yield f"{timeline_entry(entry)}  [{subject}]"
            for decision in nested(incident, "decisions"):
                if self._is_new(text(decision, "id"), text(decision, "outcome"), text(decision, "targethostid")):
                    yield f"{'':10}  {decision_line(decision)}"

    def _is_new(self, *what: str) -> bool:
        known = what in self._told
        self._told.add(what)
        return not known


async def follow_incidents(client: Client) -> AsyncIterator[str]:
    """For ever; what was there before is not told."""
    reader = Reader()
    list(reader.news(await _newest(client)))
    while True:
        for line in reader.news(await _newest(client)):
            yield line
        await client.clock.sleep(POLL_SECONDS)


async def _newest(client: Client) -> list[Row]:
    return await client.rows("listIncidents", {"page": "1", "pagesize": str(LOOKED_AT)})
