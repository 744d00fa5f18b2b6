"""Hosts that have something to say are heard one by one, several at a time."""

from __future__ import annotations

from mainstay_controller.fleet.news import News
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.recovery.casebook import CaseLost
from mainstay_controller.operations.recovery.reconcile_host import reconcile_host
from mainstay_controller.store.port import NotFound, OutcomeUnknown, Stale, Unreachable
from mainstay_runtime.logs import logger
from mainstay_runtime.tasks import background

LISTENERS = 64
"""Those who ask the database in the same moment are answered together."""
AGAIN_SECONDS = 2.0

log = logger(__name__)


async def hear_hosts(cloud: Cloud) -> None:
    """For ever."""
    async with background(*[lambda: _listen(cloud)] * (LISTENERS - 1)):
        await _listen(cloud)


async def _listen(cloud: Cloud) -> None:
    while True:
        news = await cloud.fleet.inbox.take()
        try:
            if not await _heard(news, cloud):
                cloud.fleet.inbox.again(news, AGAIN_SECONDS)
        finally:
            cloud.fleet.inbox.done(news)


async def _heard(news: News, cloud: Cloud) -> bool:
    try:
        return await reconcile_host(news, cloud)
    except NotFound:
        return True  # it was removed
    except (Stale, CaseLost, OutcomeUnknown, Unreachable) as error:
        log.info("host is heard again", host=news.host_id, error=str(error))
    except Exception:
        log.exception("a host's word could not be reconciled; it is tried again", host=news.host_id)
    return False
