"""Call off the cases of hosts that are heard again before there was proof: many at once, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mainstay_controller.domain.lifecycle.host import HostEvent
from mainstay_controller.domain.lifecycle.incident import IncidentEvent
from mainstay_controller.domain.records import Host, Incident
from mainstay_controller.domain.states import HostState
from mainstay_controller.operations.change_state import HostChange, change_hosts
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.orders.together import together
from mainstay_controller.operations.recovery.casebook import CaseFile, CaseLost, Step, case_files, take_steps
from mainstay_controller.operations.recovery.release_older_boot import is_older
from mainstay_controller.store.port import Stale, Store, any_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """`host`: still suspect, if it beats in the session it had: then nothing was missed but time.  Else it came by a new one (or is removed), and whoever
    let it in reconciles its guests."""

    case: CaseFile
    host: Host

    @property
    def is_suspect(self) -> bool:
        return self.host.state is HostState.ALERT and self.host.removed is None

    @property
    def why(self) -> str:
        if self.is_suspect:
            return "it beats again: a false alarm"
        return f"the host is {self.host.state} again before there was proof"


async def call_off(returns: Sequence[Return], cloud: Cloud) -> list[None]:
    """All or none.  Raises Stale or CaseLost."""
    async with cloud.store.transaction() as store:
        steps = await _write(store, returns, cloud)
    for step, incident in steps:
        step.is_written(incident)
    return [None] * len(returns)


async def call_off_unseen(incidents: Sequence[Incident], cloud: Cloud) -> list[Incident]:
    """Of cases that nobody has in hand: those that are over, or not ours any more.  The hosts of the others have booted anew."""
    rows = {row.id: row for row in await cloud.store.hosts.find(any_of("id", [each.host_id for each in incidents]))}
    cases = await case_files(incidents, cloud)
    returns = [
        Return(case=case, host=rows[host_id])
        for case in cases
        if (host_id := case.incident.host_id) in rows and not is_older(case.incident.host_boot_id, rows[host_id])
    ]

    async def write(store: Store, batch: Sequence[Return]) -> Sequence[None]:
        try:
            await _write(store, batch, cloud)
        except CaseLost as error:
            raise Stale(f"an incident changed in other hands: {error}") from error
        return [None] * len(batch)

    return [each.case.incident async for batch in together(returns, write, cloud) for each, _ in batch]


async def _write(store: Store, returns: Sequence[Return], cloud: Cloud) -> list[tuple[Step, Incident]]:
    """Guests released before it came back are still to be seen through."""
    suspect = {each.host.id: each.host for each in returns if each.is_suspect}
    changes = [HostChange(host=host, into=host, why="it beats again") for host in suspect.values()]
    await change_hosts(store, HostEvent.PING, await store.now(), changes)
    await cloud.journal.resolve_all(store, [f"host:{each.host.id}" for each in returns])
    released = await store.decisions.count_by("incident_id", any_of("incident_id", [each.case.id for each in returns]))
    written: list[tuple[Step, Incident]] = []
    for event in (IncidentEvent.PROVEN, IncidentEvent.FALSE_ALARM):
        steps = [
            each.case.step(event, each.why)
            for each in returns
            if (each.case.id in released) == (event is IncidentEvent.PROVEN)
        ]
        written += zip(steps, await take_steps(store, event, steps), strict=True)
    return written
