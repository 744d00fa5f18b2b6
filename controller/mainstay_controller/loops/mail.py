"""Mail what should not have happened.  A mail server that does not answer is asked again, ever less often, for ever."""

from __future__ import annotations

from mainstay_controller.operations.alerting.mail_alerts import Send, mail_alerts
from mainstay_controller.operations.alerting.post import NotDelivered
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import Conflict, OutcomeUnknown, Stale, Unreachable
from mainstay_runtime.logs import logger

LOOK_SECONDS, LOOK_SECONDS_MAX = 2.0, 300.0

log = logger(__name__)


async def mail_for_ever(send: Send, cloud: Cloud) -> None:
    pause = LOOK_SECONDS
    while True:
        try:
            await mail_alerts(send, cloud)
            pause = LOOK_SECONDS
        except NotDelivered as error:
            pause = min(pause * 2, LOOK_SECONDS_MAX)
            log.warning("alerts are not told yet", error=str(error), again_in_seconds=pause)
        except (Stale, Conflict, OutcomeUnknown, Unreachable) as error:
            log.info("alerts are told later", error=str(error))
        await cloud.clock.sleep(pause)
