"""An image is fetched by an address that only its owner was told: whole or in parts, for a while, and nothing beside it."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from mainstay_controller.domain.ids import AccountId, DomainId, TemplateId, ZoneId
from mainstay_controller.domain.records import Template
from mainstay_controller.operations.beginning.first_admin import ADMIN_ACCOUNT_ID, ADMIN_USER_ID, ROOT_DOMAIN_ID
from mainstay_controller.operations.storage.downloads import sweep_downloads
from tests.controller.api.test_people import a_domain, a_member
from tests.controller.api.test_places import a_zone
from tests.kit.api import ApiClient, an_api

CONTENT = os.urandom(3 << 20)


async def an_image_store(api: ApiClient, place: Path) -> ZoneId:
    zone = ZoneId(await a_zone(api))
    made = await api.post("addImageStore", zoneid=zone, name="files", provider="NFS", url=f"file://{place}")
    assert made.status == 200, made.text
    return zone


async def an_image(api: ApiClient, path: Path, **changes: Any) -> TemplateId:
    template = Template(
        id=TemplateId(api.cloud.rng.uuid()),
        name="tiny",
        display_text="tiny",
        created=api.cloud.clock.now(),
        account_id=ADMIN_ACCOUNT_ID,
        domain_id=ROOT_DOMAIN_ID,
        url=f"file://{path}",
        is_extractable=True,
    )
    return (await api.cloud.store.templates.add(replace(template, **changes))).id


async def address_of(api: ApiClient, image: str, command: str = "extractTemplate", key: str = "template") -> str:
    told = await api.post(command, id=image, mode="HTTP_DOWNLOAD")
    job = await api.call("queryAsyncJobResult", jobid=told.body["jobid"])
    url: str = job.body["jobresult"][key]["url"]
    return url


async def fetched(api: ApiClient, url: str, **headers: str) -> tuple[int, bytes]:
    async with api.http.get(url, headers=headers) as response:
        return response.status, await response.read()


async def test_a_template_and_an_iso_are_fetched_whole_and_in_parts(tmp_path: Path) -> None:
    (tmp_path / "tiny.qcow2").write_bytes(CONTENT)
    async with an_api() as api:
        await an_image_store(api, tmp_path)
        template = await address_of(api, await an_image(api, tmp_path / "tiny.qcow2"))
        iso = await address_of(api, await an_image(api, tmp_path / "tiny.qcow2", is_iso=True), "extractIso", "iso")

        whole, part = await fetched(api, template), await fetched(api, iso, Range="bytes=10-19")

    assert template.startswith(api.url.removesuffix("/client/api") + "/client/download/")
    assert whole == (200, CONTENT)
    assert part == (206, CONTENT[10:20])


async def test_behind_a_proxy_the_address_is_the_proxys(tmp_path: Path) -> None:
    (tmp_path / "tiny.qcow2").write_bytes(CONTENT)
    async with an_api() as api:
        await an_image_store(api, tmp_path)
        await api.post("updateConfiguration", name="endpoint.url", value="https://cloud.example.org/client/api")

        url = await address_of(api, await an_image(api, tmp_path / "tiny.qcow2"))

    assert url.startswith("https://cloud.example.org/client/download/")


async def test_an_address_ends_with_its_time_its_template_and_its_user(tmp_path: Path) -> None:
    (tmp_path / "tiny.qcow2").write_bytes(CONTENT)
    async with an_api() as api:
        await an_image_store(api, tmp_path)
        store, image = api.cloud.store, await an_image(api, tmp_path / "tiny.qcow2")
        url = await address_of(api, image)
        [row] = await store.downloads.find()
        admin, template = await store.users.by_id(ADMIN_USER_ID), await store.templates.by_id(image)

        known = [await fetched(api, url), await fetched(api, url.replace("/download/", "/download/x"))]
        await store.users.swap(admin, replace(admin, state="disabled"))
        known.append(await fetched(api, url))
        await store.users.swap(await store.users.by_id(ADMIN_USER_ID), replace(admin, state="enabled", version=2))
        await store.templates.swap(template, replace(template, removed=row.created))
        known.append(await fetched(api, url))
        await store.templates.swap(await store.templates.by_id(image), replace(template, version=2))
        row = await store.downloads.swap(row, replace(row, expires=row.created - timedelta(seconds=1)))
        known.append(await fetched(api, url))
        await sweep_downloads(api.cloud)

        assert [status for status, _ in known] == [200, 404, 404, 404, 404]
        assert await store.downloads.find() == []
        assert (tmp_path / "tiny.qcow2").exists()


async def test_what_lies_in_no_image_store_is_never_served(tmp_path: Path) -> None:
    images, elsewhere = tmp_path / "images", tmp_path / "secret.raw"
    images.mkdir()
    elsewhere.write_bytes(CONTENT)
    (images / "link.raw").symlink_to(elsewhere)
    async with an_api() as api:
        await an_image_store(api, images)
        for path in (elsewhere, images / "link.raw", images / ".." / "secret.raw", images / "none.raw"):
            refused = await api.post("extractTemplate", id=await an_image(api, path), mode="HTTP_DOWNLOAD")

            assert (refused.status, "is in no image store" in refused.body["errortext"]) == (534, True), path


async def test_only_its_owner_fetches_what_may_be_fetched(tmp_path: Path) -> None:
    (tmp_path / "tiny.qcow2").write_bytes(CONTENT)
    async with an_api() as api:
        await an_image_store(api, tmp_path)
        ann = await a_member(api, "ann", await a_domain(api, "people"))
        own = {"account_id": AccountId(ann.account["id"]), "domain_id": DomainId(ann.account["domainid"])}
        kept = await an_image(api, tmp_path / "tiny.qcow2", is_extractable=False, **own)
        given = await an_image(api, tmp_path / "tiny.qcow2", **own)
        others = await an_image(api, tmp_path / "tiny.qcow2")

        answers = [await ann.api.post("extractTemplate", id=id, mode="HTTP_DOWNLOAD") for id in (kept, given, others)]

    assert [answer.status for answer in answers] == [531, 200, 531]
