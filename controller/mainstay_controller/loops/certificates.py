"""Tell people in time when a certificate is about to end that nobody renews."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from mainstay_controller.domain.records import IssuedCertificate
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import AlertType
from mainstay_controller.store.port import Conflict, OutcomeUnknown, Stale, Unreachable, eq
from mainstay_runtime.logs import logger

LOOK_SECONDS = 3600.0
WARNED_BEFORE = timedelta(days=15)

log = logger(__name__)


async def watch_certificates(cloud: Cloud) -> None:
    """For ever."""
    while True:
        try:
            await tell_of_those_that_end(cloud)
        except (Stale, Conflict, OutcomeUnknown, Unreachable) as error:
            log.info("certificates are looked at later", error=str(error))
        await cloud.clock.sleep(LOOK_SECONDS)


async def tell_of_those_that_end(cloud: Cloud) -> None:
    now = await cloud.store.now()
    for row in about_to_end(await cloud.store.certificates.find(eq("revoked", None)), now):
        days = (row.not_after - now).days
        subject = f"Certificate of {row.subject_role} {row.subject_id} ends in {days} days and was not renewed"
        key = f"certificate:{row.id}"
        async with cloud.store.transaction() as store:
            if not await store.alerts.find(eq("dedupe_key", key), limit=1):
                await cloud.journal.alert(store, AlertType.CA_CERT, subject, dedupe_key=key)


def about_to_end(rows: Iterable[IssuedCertificate], now: datetime) -> list[IssuedCertificate]:
    """The newest of each subject, if it ends soon; one that has ended long ago belongs to nobody who is here."""
    newest: dict[tuple[str, str], IssuedCertificate] = {}
    for row in sorted(rows, key=lambda row: row.not_after):
        newest[row.subject_role, row.subject_id] = row
    return [row for row in newest.values() if now < row.not_after < now + WARNED_BEFORE]
