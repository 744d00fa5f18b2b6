"""What cannot be is refused, naming the field and the reason, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mainstay_cli.client import Refused
from mainstay_cli.lab.cloud import LabCloud, Offering
from mainstay_cli.lab.processes import CommandFailed

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]

KINDS: dict[str, dict[str, str]] = {
    "listVirtualMachines": {},
    "listVolumes": {},
    "listStoragePools": {},
    "listTemplates": {"templatefilter": "all"},
    "listServiceOfferings": {},
}
NOWHERE = "00000000-0000-4000-8000-00000000dead"
MALFORMED_XML = "<domain type='qemu'><name>half</name>"


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def nothing_is_left(cloud: LabCloud) -> AsyncIterator[None]:
    await cloud.offering(Offering())
    before = await everything(cloud)
    yield
    assert await everything(cloud) == before


async def everything(cloud: LabCloud) -> dict[str, list[str]]:
    """Rows, and the files of the pool."""
    rows = {kind: sorted(str(row["id"]) for row in await cloud.client.rows(kind, how)) for kind, how in KINDS.items()}
    pool = cloud.lab.layout.storage("primary")
    return rows | {"files": sorted(path.name for path in pool.iterdir())}


async def a_deployment(cloud: LabCloud, **other: str) -> dict[str, str]:
    ordinary = {
        "name": "fine",
        "zoneid": cloud.ids.zone,
        "templateid": cloud.ids.template,
        "serviceofferingid": await cloud.offering(Offering()),
    }
    return ordinary | other


async def refusal_of(cloud: LabCloud, command: str, parameters: dict[str, str]) -> str:
    with pytest.raises(Refused) as refused:
        await cloud.client.call(command, parameters)
    return str(refused.value)


async def test_an_unknown_offering(cloud: LabCloud) -> None:
    told = await refusal_of(cloud, "deployVirtualMachine", await a_deployment(cloud, serviceofferingid=NOWHERE))

    assert "serviceofferingid" in told
    assert NOWHERE in told


@pytest.mark.parametrize(
    ("field", "name"), [("name", "<b>bold</b>"), ("displayname", "<script>alert(1)</script>"), ("name", "bell\a")]
)
async def test_a_name_with_markup(cloud: LabCloud, field: str, name: str) -> None:
    told = await refusal_of(cloud, "deployVirtualMachine", await a_deployment(cloud, **{field: name}))

    assert field in told


async def test_more_memory_than_any_host_has(cloud: LabCloud) -> None:
    giant = {"name": "giant", "displaytext": "giant", "cpunumber": "1", "cpuspeed": "500", "memory": "1000000"}
    made = await cloud.client.call("createServiceOffering", giant)
    offering = made["serviceoffering"]
    assert isinstance(offering, dict)

    told = await refusal_of(
        cloud, "deployVirtualMachine", await a_deployment(cloud, serviceofferingid=str(offering["id"]))
    )

    await cloud.client.call("deleteServiceOffering", {"id": str(offering["id"])})
    assert "serviceofferingid" in told
    assert "1000000 MiB" in told


@pytest.mark.parametrize(
    ("content", "field", "reason"),
    [
        (b"Dear reader, this is no image.", "url", "not a whole number of sectors"),
        (b"Dear reader".ljust(512), "format", "finds a raw image"),
        (None, "url", "does not find an image"),
    ],
    ids=["a letter", "a letter as long as a disk", "nothing"],
)
async def test_a_template_that_is_no_image(cloud: LabCloud, content: bytes | None, field: str, reason: str) -> None:
    """A letter where a qcow2 image is said to be; one as long as a disk could be; and nothing at all."""
    letter = cloud.lab.layout.storage("primary") / "letter.qcow2"
    if content is not None:
        letter.write_bytes(content)

    told = await refusal_of(
        cloud,
        "registerTemplate",
        {
            "name": "letter",
            "displaytext": "a letter",
            "url": "file:///srv/primary/letter.qcow2",
            "format": "QCOW2",
            "hypervisor": "KVM",
            "zoneid": cloud.ids.zone,
        },
    )

    letter.unlink(missing_ok=True)
    assert f"parameter {field}: " in told
    assert reason in told
    assert "letter.qcow2" in told


async def test_a_pool_that_is_not_mounted(cloud: LabCloud) -> None:
    wanted = {
        "name": "nowhere",
        "url": "sharedmountpoint:///srv/nowhere",
        "zoneid": cloud.ids.zone,
        "podid": cloud.ids.pod,
        "clusterid": cloud.ids.cluster,
    }

    told = await refusal_of(cloud, "createStoragePool", wanted)

    assert "url" in told
    assert "/srv/nowhere" in told


async def test_malformed_xml_is_refused_by_the_hypervisor_and_changes_nothing(cloud: LabCloud) -> None:
    """Nothing that a client sends becomes XML unchecked; should a definition be broken all the same, libvirt has the last word."""
    host = cloud.lab.host(1)
    definition = host.place.home / "malformed.xml"
    definition.write_text(MALFORMED_XML)

    with pytest.raises(CommandFailed, match="Failed to define domain"):
        await host.run(["virsh", "define", str(definition)])

    definition.unlink()
    assert "half" not in await host.run(["virsh", "list", "--all", "--name"])
