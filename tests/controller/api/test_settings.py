"""Settings are declared once; operators see and change them within their bounds, and every controller follows."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import mainstay_controller
from mainstay_controller.domain.ids import ClusterId, PodId, ZoneId
from mainstay_controller.domain.records import Cluster
from mainstay_controller.domain.tunable import HIDDEN
from mainstay_controller.operations.beginning.first_admin import ADMIN_ACCOUNT_ID, ROOT_DOMAIN_ID
from mainstay_controller.operations.master_key import MasterKey
from mainstay_controller.operations.orders.choose_host import cluster_rooms
from mainstay_controller.operations.settings import Settings, declared
from mainstay_controller.operations.tune import refresh
from tests.controller.api.test_people import a_member
from tests.controller.api.test_places import a_zone
from tests.kit.api import a_cloud, an_api
from tests.kit.memory_store import MemoryStore
from tests.kit.virtual_time import BEGINNING

RANGE = {"gateway": "10.99.0.1", "netmask": "255.255.0.0", "startip": "10.99.1.1", "endip": "10.99.1.9"}
SOURCES = Path(mainstay_controller.__file__).parent


def a_cluster(name: str) -> Cluster:
    return Cluster(
        id=ClusterId(name), zone_id=ZoneId("z"), pod_id=PodId("p"), name=name, hypervisor="KVM", created=BEGINNING
    )


def test_every_default_is_a_value_its_own_declaration_allows() -> None:
    for each in declared().values():
        assert each.tunable.read(str(each.default), each.kind) == each.default, each.tunable.name


def test_every_setting_is_declared_once_and_read_somewhere_and_none_is_read_that_is_not_declared() -> None:
    """Settings are read as attributes of `settings`, so the code itself tells which there are."""
    known = [each.name for each in fields(Settings)]
    code = "\n".join(file.read_text() for file in SOURCES.rglob("*.py") if file.name != "settings.py")
    read = {name for name in re.findall(r"\bsettings\.(\w+)(?!\w|\()", code) if name.islower()}

    assert len(declared()) == len(known)
    assert [name for name in known if not re.search(rf"\.{name}\b", code)] == []
    assert read - set(known) == set()


async def test_a_new_cluster_has_the_ratios_of_the_cloud() -> None:
    async with an_api() as api:
        await api.post("updateConfiguration", name="mem.overprovisioning.factor", value="1.5")
        zone = await a_zone(api)
        pod = (await api.post("createPod", name="p", zoneid=zone, **RANGE)).body["pod"]["id"]
        kind = {"clustertype": "CloudManaged", "hypervisor": "Simulator"}
        made = await api.post("addCluster", zoneid=zone, podid=pod, clustername="c", **kind)

    assert made.body["cluster"][0]["memoryovercommitratio"] == "1.5"
    assert made.body["cluster"][0]["cpuovercommitratio"] == "1.0"


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
        await api.cloud.store.clusters.add(a_cluster("c"))

        await api.post("updateConfiguration", name="cpu.overprovisioning.factor", value="4", clusterid="c")
        ratio = (await api.cloud.store.clusters.by_id("c")).cpu_overcommit_ratio
        listed = await api.call("listConfigurations", clusterid="c")
        refused = await api.post("updateConfiguration", name="start.retry", value="4", clusterid="c")
        await api.post("resetConfiguration", name="cpu.overprovisioning.factor", clusterid="c")

        assert ratio == 4.0
        assert {"cpu.overprovisioning.factor": "4.0"}.items() <= {
            each["name"]: each["value"] for each in listed.body["configuration"]
        }.items()
        assert {each["scope"] for each in listed.body["configuration"]} == {"Cluster"}
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


async def test_a_zone_a_cluster_and_an_account_have_values_of_their_own_and_lose_them() -> None:
    async with an_api() as api:
        zone, account = await a_zone(api), ADMIN_ACCOUNT_ID
        for name, value, where in (
            ("pool.storage.allocated.capacity.disablethreshold", "0.5", {"zoneid": zone}),
            ("api.throttling.max", "3", {"accountid": account}),
        ):
            changed = await api.post("updateConfiguration", name=name, value=value, **where)
            listed = await api.call("listConfigurations", name=name, **where)
            whole = await api.call("listConfigurations", name=name)
            reset = await api.post("resetConfiguration", name=name, **where)

            assert changed.body["configuration"]["value"] == listed.body["configuration"][0]["value"] == value
            assert reset.body["configuration"]["value"] == whole.body["configuration"][0]["value"] != value


async def test_a_clusters_threshold_is_what_its_hosts_are_judged_by() -> None:
    async with an_api() as api:
        await api.cloud.store.clusters.add(a_cluster("strict"))
        await api.cloud.store.clusters.add(a_cluster("lax"))

        name = "cluster.memory.allocated.capacity.disablethreshold"
        await api.post("updateConfiguration", name=name, value="0.25", clusterid="strict")
        rooms = cluster_rooms(await api.cloud.store.clusters.find(), api.cloud)

    assert rooms[ClusterId("strict")].memory_threshold == 0.25
    assert rooms[ClusterId("lax")].memory_threshold == Settings().cluster_memory_disable_threshold


async def test_two_places_at_once_and_a_place_of_another_kind_are_refused() -> None:
    async with an_api() as api:
        zone = await a_zone(api)
        two = await api.post(
            "updateConfiguration", name="start.retry", value="4", zoneid=zone, accountid=ADMIN_ACCOUNT_ID
        )
        wrong = await api.post("updateConfiguration", name="start.retry", value="4", zoneid=zone)

    assert "name one scope only" in two.body["errortext"]
    assert "it is of scope Global" in wrong.body["errortext"]


async def test_a_secret_is_sealed_at_rest_shown_to_root_and_hidden_from_who_only_reads() -> None:
    cloud = a_cloud()
    cloud.master_key = MasterKey.from_text("a secret of more than thirty-two characters")
    async with an_api(cloud=cloud) as api:
        auditor = await a_member(api, "auditor", ROOT_DOMAIN_ID, kind=4)
        await api.post("updateConfiguration", name="alert.smtp.password", value="hunter2")

        [row] = await cloud.store.settings.find()
        seen = await api.call("listConfigurations", name="alert.smtp.password")
        hidden = await auditor.api.call("listConfigurations", name="alert.smtp.password")
        told = await api.call("listEvents", type="CONFIGURATION.VALUE.EDIT")

    assert "hunter2" not in row.value
    assert cloud.settings.smtp_password == "hunter2"
    assert seen.body["configuration"][0]["value"] == "hunter2"
    assert hidden.body["configuration"][0]["value"] == HIDDEN
    assert "hunter2" not in told.text
