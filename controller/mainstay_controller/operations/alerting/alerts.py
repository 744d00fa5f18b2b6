"""What operators do with alerts: raise one, say that they know, say that it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mainstay_controller.domain.alerts import ACKNOWLEDGED, OPEN, RESOLVED
from mainstay_controller.domain.ids import AlertId
from mainstay_controller.domain.records import Alert
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.journal import AlertType, Place

PREFIX = "ALERT."


async def generate_alert(number: int, name: str, description: str, place: Place, cloud: Cloud) -> Alert:
    """A number of CloudStack's keeps its name; another makes a type of its own."""
    full = name.upper() if name.upper().startswith(PREFIX) else PREFIX + name.upper()
    known = [type.name_told for type in AlertType if type.number == number]
    if known and full not in known:
        raise InvalidParameter("type", f"There is a default alert having type {number} and name {known[0]}")
    return await cloud.store.alerts.add(
        Alert(
            id=AlertId(cloud.rng.uuid()),
            type=number,
            name=full,
            subject=description,
            description=description,
            created=cloud.clock.now(),
            zone_id=place.zone_id,
            pod_id=place.pod_id,
        )
    )


async def acknowledge_alerts(ids: Sequence[AlertId], cloud: Cloud) -> None:
    """Somebody looks after them: no further letters."""
    async with cloud.store.transaction() as store:
        for alert in [await store.alerts.by_id(id) for id in ids]:
            if alert.state == OPEN:
                await store.alerts.swap(alert, replace(alert, state=ACKNOWLEDGED))


async def resolve_alerts(ids: Sequence[AlertId], cloud: Cloud) -> None:
    """It is over; if it happens again, that is a new alert."""
    async with cloud.store.transaction() as store:
        now = cloud.clock.now()
        for alert in [await store.alerts.by_id(id) for id in ids]:
            if alert.state != RESOLVED:
                await store.alerts.swap(alert, replace(alert, state=RESOLVED, resolved=now))
