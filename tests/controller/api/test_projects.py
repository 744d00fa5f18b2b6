"""A project owns things of its own: its owner sees and uses them, others do not."""

from __future__ import annotations

from tests.controller.api.test_people import a_domain, a_member
from tests.controller.api.test_places import a_zone
from tests.kit.api import ApiClient, an_api


async def a_project(api: ApiClient, name: str) -> str:
    made = await api.post("createProject", name=name)
    project_id: str = made.body["id"]
    return project_id


async def a_disk(api: ApiClient, zone: str, name: str, **more: str) -> str:
    disk_id: str = (await api.post("createVolume", name=name, zoneid=zone, size="1", **more)).body["id"]
    return disk_id


async def test_what_is_made_for_a_project_is_listed_with_it_and_not_with_its_owner() -> None:
    async with an_api() as api:
        zone = await a_zone(api)
        ann = await a_member(api, "ann", await a_domain(api, "sales"))
        project = await a_project(ann.api, "web")
        mine, ours = await a_disk(ann.api, zone, "mine"), await a_disk(ann.api, zone, "ours", projectid=project)

        own = await ann.api.call("listVolumes")
        projects = await ann.api.call("listVolumes", projectid=project)

    assert [each["id"] for each in own.body["volume"]] == [mine]
    assert [each["id"] for each in projects.body["volume"]] == [ours]


async def test_a_project_is_its_owners_and_his_administrators() -> None:
    async with an_api() as api:
        zone, sales = await a_zone(api), await a_domain(api, "sales")
        ann, ben = await a_member(api, "ann", sales), await a_member(api, "ben", sales)
        project = await a_project(ann.api, "web")
        disk = await a_disk(ann.api, zone, "ours", projectid=project)

        listed = await ben.api.call("listProjects")
        looked = await ben.api.call("listVolumes", projectid=project)
        made = await ben.api.post("createVolume", name="d", zoneid=zone, size="1", projectid=project)
        deleted = await ben.api.post("deleteVolume", id=disk)
        seen_by_root = await api.call("listProjects")

    assert listed.body == {}
    assert [looked.status, made.status, deleted.status] == [531, 531, 531]
    assert [each["account"] for each in seen_by_root.body["project"]] == ["ann"]


async def test_minus_one_narrows_nothing() -> None:
    async with an_api() as api:
        zone = await a_zone(api)
        disk = await a_disk(api, zone, "mine")

        listed = await api.call("listVolumes", projectid="-1")

    assert [each["id"] for each in listed.body["volume"]] == [disk]


async def test_two_projects_of_a_domain_have_two_names() -> None:
    async with an_api() as api:
        await a_project(api, "web")
        again = await api.post("createProject", name="web")

    assert again.status == 431
    assert "name: a project web exists" in again.body["errortext"]
