"""What this host can say and do about others: ping them, read their slots, write their poison; and whether their pools move.

And the lease area's own requests to the controller, which pass through here."""

from __future__ import annotations

from mainstay_agent.driver import DONE, Outcome
from mainstay_agent.duties.answers import Answer, Deadline
from mainstay_agent.duties.charge import AREA_SILENT, Charge
from mainstay_proto.messages import RENEWED_AGO, PoisonHost, ProbeHost, RunState, Sightings, WatchHost

PING_WORDS = {True: "yes", False: "no", None: "unknown"}


async def probe_host(charge: Charge, order: ProbeHost, deadline: Deadline) -> Answer:
    seconds = min(charge.settings.ping_deadline_seconds, deadline.remaining_seconds())
    answered = await charge.pinger.ping(order.ip, seconds) if order.ip else None
    try:
        sightings = await charge.area.sightings(order.host_id)
        leases = await charge.area.leases()
    except AREA_SILENT:
        sightings, leases = (), ()  # that we saw nothing is what we say
    renewed = ((RENEWED_AGO + lease.pool_id, f"{lease.age_seconds:.6f}") for lease in leases if lease.valid)
    outcome = Outcome(state=RunState.DONE, answer=(("ping", PING_WORDS[answered]), *renewed))
    return Answer(outcome=outcome, sightings=sightings)


def watch_host(charge: Charge, order: WatchHost) -> Outcome:
    charge.watched_until[order.host_id] = charge.clock.monotonic() + order.until_seconds
    charge.watch_ordered.set()
    return DONE


async def poison_host(charge: Charge, order: PoisonHost) -> Outcome:
    written = await charge.area.poison(order.host_id, order.incident_id, order.pool_ids)
    answer = (("pools", ",".join(sorted(written))),)
    if set(written) >= set(order.pool_ids):
        return Outcome(state=RunState.DONE, answer=answer)
    return Outcome(state=RunState.UNKNOWN, code="not-acknowledged", answer=answer)


async def tell_sightings(charge: Charge) -> None:
    """For ever: on every tick, what we see of the hosts under suspicion.  While there are none it sleeps."""
    while True:
        if not charge.watched_until:
            charge.watch_ordered.clear()
            await charge.watch_ordered.wait()
        pools = charge.book.pools
        await charge.clock.sleep(pools.profile.poll_seconds if pools else charge.settings.look_seconds)
        now = charge.clock.monotonic()
        charge.watched_until = {host: until for host, until in charge.watched_until.items() if until > now}
        for host_id in tuple(charge.watched_until):  # others may come while we ask
            await _tell_sightings_of(charge, host_id)


async def _tell_sightings_of(charge: Charge, host_id: str) -> None:
    try:
        sightings = await charge.area.sightings(host_id)
    except AREA_SILENT:
        return
    charge.uplink.send(Sightings(host_id=charge.host_id, sightings=sightings))
