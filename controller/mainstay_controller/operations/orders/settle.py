"""Is all of a copy that is gone landed?  Whoever has a proof asks here before he acts on it (domain.ha.settling).

The answer `HeldBack` is no end: whoever asks comes again, and hosts are asked anew whether the pool moves.  It costs nothing where the pool was seen
moving since, and otherwise the time until somebody's next renewal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from mainstay_controller.domain.ha.proof import Proof, Victim
from mainstay_controller.domain.ha.settling import HeldBack, Settled, Settling, settle
from mainstay_controller.domain.ids import HostId, PoolId, VmId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.hearing import misses_beats
from mainstay_runtime.tasks import all_of, background


async def settling(
    proofs: Sequence[Proof], pool_ids: Iterable[PoolId], incident_id: str, cloud: Cloud, *, over_at: float | None = None
) -> Settling:
    """`proofs`: one or more that cover the copy, and the incident in which they were found.  `over_at`: when delta was over after its end, by our clock;
    None: when we first heard of the first proof, since none is given before."""
    leased = frozenset([pool_id for pool_id in pool_ids if await cloud.rounds.slots(pool_id)])
    if over_at is None:
        over_at = cloud.proofs.known_since(incident_id, proofs[0], cloud.clock.monotonic())
    told = settle(proofs, leased, over_at, cloud.fleet.pool_moved_at)
    if isinstance(told, HeldBack):
        await all_of(*(ask_who_sees_it(pool_id, over_at, cloud) for pool_id in sorted(told.pool_ids)))
        told = settle(proofs, leased, over_at, cloud.fleet.pool_moved_at)
    return told


async def settle_all(
    proven: Iterable[tuple[Victim, tuple[Proof, ...]]],
    incident_id: str,
    cloud: Cloud,
    over_at: Callable[[Sequence[Proof]], float | None] = lambda _proofs: None,
) -> tuple[dict[VmId, Settled], tuple[str, ...]]:
    """Which of these victims are settled, and in words what is held back of the others.  Those of the same pools are asked about once."""
    told: dict[tuple[tuple[Proof, ...], frozenset[PoolId]], Settling] = {}
    settled: dict[VmId, Settled] = {}
    for victim, proofs in proven:
        alike = (proofs, victim.pool_ids)
        if alike not in told:
            told[alike] = await settling(proofs, victim.pool_ids, incident_id, cloud, over_at=over_at(proofs))
        if isinstance(found := told[alike], Settled):
            settled[victim.vm_id] = found
    return settled, tuple(sorted(str(each) for each in told.values() if isinstance(each, HeldBack)))


async def ask_who_sees_it(pool_id: PoolId, moving_since: float, cloud: Cloud) -> None:
    """A few of those who live on it, each time others, until one has seen it or all have answered."""
    there = [slot.host_id for slot in await cloud.rounds.slots(pool_id)]
    live = [str(host_id) for host_id in there if cloud.fleet.is_connected(host_id) and not misses_beats(host_id, cloud)]
    waited_for = set(cloud.rng.shuffled(live)[: cloud.settings.witnesses_per_pool])
    answered = asyncio.Event()

    async def ask(host_id: str) -> None:
        await _ask(HostId(host_id), cloud)
        waited_for.discard(host_id)
        answered.set()

    async with background(*(partial(ask, host_id) for host_id in sorted(waited_for))):
        while waited_for and cloud.fleet.pool_moved_at(pool_id) < moving_since:
            answered.clear()
            await answered.wait()


async def _ask(host_id: HostId, cloud: Cloud) -> None:
    """The fleet keeps what it answers."""
    await cloud.fleet.probe_host(
        host_id,
        host_id,
        "",
        command_id=f"moves:{host_id}:{cloud.rng.uuid()}",
        deadline_seconds=cloud.settings.probe_deadline_seconds,
    )
