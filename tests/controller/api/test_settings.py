"""Settings are declared once; operators see and change them within their bounds, and every controller follows."""

from __future__ import annotations

from mainstay_controller.domain.ids import ClusterId, PodId, ZoneId
from mainstay_controller.domain.records import Cluster
from mainstay_controller.operations.settings import Settings, declared
from mainstay_controller.operations.tune import refresh
from tests.kit.api import a_cloud, an_api
from tests.kit.memory_store import MemoryStore


def test_every_default_is_a_value_its_own_declaration_allows() -> None:
    for each in declared().values():
        assert each.tunable.read(str(each.default), each.kind) == each.default, each.tunable.name


async def test_a_change_takes_effect_here_and_at_another_controller() -> None:
    async with an_api() as api:
        store = api.cloud.store
        assert isinstance(store, MemoryStore)
        other = a_cloud(MemoryStore(api.cloud.clock, store.rows))

        changed = await api.post("updateConfiguration", name="api.throttling.max", value="7")
        await refresh(other)

    assert changed.body["configuration"]["value"] == "7"
    assert api.cloud.settings.throttling_max == other.settings.throttling_max == 7


async def test_what_agents_were_told_changes_when_a_controller_starts_anew() -> None:
    async with an_api() as api:
        changed = await api.post("updateConfiguration", name="ping.interval", value="5")

    assert changed.body["configuration"]["isdynamic"] is False
    assert api.cloud.settings.ping_interval_seconds == Settings().ping_interval_seconds


async def test_a_bad_value_is_refused_with_what_is_allowed() -> None:
    async with an_api() as api:
        too_much = await api.post(
            "updateConfiguration", name="cluster.cpu.allocated.capacity.disablethreshold", value="1.5"
        )
        no_number = await api.post("updateConfiguration", name="start.retry", value="often")
        no_choice = await api.post("updateConfiguration", name="vm.allocation.algorithm", value="best")
        unknown = await api.post("updateConfiguration", name="no.such", value="1")

    assert "it must lie in 0..1" in too_much.body["errortext"]
    assert "it must be a whole number" in no_number.body["errortext"]
    assert "it must be one of random, firstfit" in no_choice.body["errortext"]
    assert unknown.body["errortext"] == "Invalid parameter name: there is no setting no.such"


async def test_a_setting_goes_back_to_its_default() -> None:
    async with an_api() as api:
        await api.post("updateConfiguration", name="ha.tag", value="spare")
        reset = await api.post("resetConfiguration", name="ha.tag")

    assert reset.body["configuration"]["value"] == ""
    assert api.cloud.settings.ha_tag == ""


async def test_a_cluster_has_a_ratio_of_its_own_and_loses_it_by_a_reset() -> None:
    async with an_api() as api:
        now = api.cloud.clock.now()
        cluster = Cluster(
            id=ClusterId("c"), zone_id=ZoneId("z"), pod_id=PodId("p"), name="c", hypervisor="KVM", created=now
        )
        await api.cloud.store.clusters.add(cluster)

        await api.post("updateConfiguration", name="cpu.overprovisioning.factor", value="4", clusterid="c")
        ratio = (await api.cloud.store.clusters.by_id("c")).cpu_overcommit_ratio
        listed = await api.call("listConfigurations", clusterid="c")
        refused = await api.post("updateConfiguration", name="start.retry", value="4", clusterid="c")
        await api.post("resetConfiguration", name="cpu.overprovisioning.factor", clusterid="c")

        assert ratio == 4.0
        assert [each["name"] for each in listed.body["configuration"]] == [
            "cpu.overprovisioning.factor",
            "mem.overprovisioning.factor",
        ]
        assert refused.status == 431
        assert (await api.cloud.store.clusters.by_id("c")).cpu_overcommit_ratio == 1.0


async def test_a_name_is_looked_for_in_the_middle_and_pages_are_counted_over_all() -> None:
    async with an_api() as api:
        found = await api.call("listConfigurations", name="throttling", page="1", pagesize="2")

    assert found.body["count"] == 5
    assert [each["name"] for each in found.body["configuration"]] == [
        "api.throttling.enabled",
        "api.throttling.interval",
    ]
