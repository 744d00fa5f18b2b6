"""What is done now and then, unasked: alerts whose trouble is over are resolved."""

from __future__ import annotations

from mainstay_controller.domain.alerts import RESOLVED
from mainstay_controller.loops.upkeep import keep_up
from mainstay_controller.operations.journal import AlertType
from mainstay_runtime.tasks import background
from tests.kit.small_cloud import a_cloud


async def test_an_alert_about_a_host_that_is_gone_is_resolved_within_minutes() -> None:
    async with a_cloud() as here:
        await here.cloud.journal.alert(here.cloud.store, AlertType.HOST, "Host down", dedupe_key="host:nobody")

        async with background(lambda: keep_up(here.cloud)):
            await here.site.clock.sleep(310)

        assert [alert.state for alert in await here.cloud.store.alerts.find()] == [RESOLVED]
