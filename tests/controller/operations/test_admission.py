"""An agent is let in when its hosts are ours and the database answers; otherwise it is told when to come again."""

from __future__ import annotations

from mainstay_controller.domain.ids import HostId
from mainstay_controller.fleet.gate import Orientation, TurnedAway
from mainstay_controller.operations.hosts.admit_host import HostGate
from mainstay_controller.store.port import Unreachable
from tests.kit.small_cloud import a_controller, a_site


class Database:
    """Away while `away`."""

    away = False

    async def before(self, _call: str) -> None:
        if self.away:
            raise Unreachable("the database does not answer")


async def test_while_the_database_is_away_an_agent_is_asked_to_come_again() -> None:
    site, database = await a_site(hosts=1), Database()
    here = await a_controller(site, before=database.before)
    gate, arrival = HostGate(here.cloud), here.cloud.fleet.arrival(HostId("h1"))
    assert arrival is not None

    database.away = True
    first = await gate.admit((arrival,))
    database.away = False
    again = await gate.admit((arrival,))

    assert isinstance(first, TurnedAway)
    assert (first.code, first.retry_after_seconds) == ("overloaded", 1.0)
    assert isinstance(again, Orientation)
