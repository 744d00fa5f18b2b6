"""Two hundred agents, all controllers away for ten minutes: whoever comes back suspects nobody and touches no guest."""

from __future__ import annotations

from tests.kit.storm import a_storm

AGENTS = 200
AWAY_SECONDS = 600.0


async def test_after_ten_minutes_without_any_controller_all_are_back_and_nothing_was_touched() -> None:
    async with a_storm(AGENTS) as storm:
        async with storm.a_controller() as cloud:
            await storm.until_all_up(cloud, within_seconds=60.0)
        guests = await storm.store.vms.find()

        await storm.clock.sleep(AWAY_SECONDS)
        async with storm.a_controller() as cloud:
            await storm.until_all_up(cloud, within_seconds=60.0)
            await storm.clock.sleep(60.0)

            assert await storm.store.incidents.count() == 0
            assert await storm.store.decisions.count() == 0
            assert await storm.store.vms.find() == guests
            assert storm.orders() == []
            assert len(cloud.fleet.held()) == AGENTS
        assert storm.refused == []
