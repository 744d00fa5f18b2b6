"""HA of hosts as switches, ISOs as disks, system VMs as rows: what their commands answer, and whom they refuse."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import AccountId, DomainId, NicId, OfferingId, TemplateId, VmId, ZoneId
from mainstay_controller.domain.records import Nic, Template, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.fleet.guest_spec import GuestOrder, disks
from mainstay_controller.operations.beginning.first_admin import ADMIN_ACCOUNT_ID, ROOT_DOMAIN_ID
from tests.controller.api.test_places import a_zone
from tests.kit.api import ApiClient, an_api
from tests.kit.virtual_time import BEGINNING


async def a_host(api: ApiClient) -> dict[str, str]:
    """The ids of a host and of where it is."""
    zone = await a_zone(api)
    pod = (
        await api.post(
            "createPod", zoneid=zone, name="p", gateway="192.0.2.1", netmask="255.255.255.0", startip="192.0.2.9"
        )
    ).body["pod"]["id"]
    place = {"zoneid": zone, "podid": pod}
    added = await api.post("addCluster", **place, clustername="c", hypervisor="Simulator")
    place["clusterid"] = added.body["cluster"][0]["id"]
    made = await api.post("addHost", **place, url="http://sim/c0/h0", hypervisor="Simulator")
    return {**place, "hostid": made.body["host"][0]["id"]}


async def result_of(api: ApiClient, command: str, **parameters: str) -> dict[str, object]:
    """What the job of that command ended with."""
    begun = await api.post(command, **parameters)
    assert begun.status == 200, begun.text
    job = await api.call("queryAsyncJobResult", jobid=begun.body["jobid"])
    assert job.body["jobstatus"] == 1, job.text
    result: dict[str, object] = job.body["jobresult"]
    return result


async def has_ha(api: ApiClient, host_id: str) -> bool:
    [host] = (await api.call("listHosts", id=host_id)).body["host"]
    enabled: bool = host["hostha"]["haenable"]
    return enabled


def a_vm(kind: str, zone: str, **other: object) -> Vm:
    vm = Vm(
        id=VmId(f"{kind}-1"),
        name=f"{kind}-1",
        type=kind,
        created=BEGINNING,
        account_id=AccountId(ADMIN_ACCOUNT_ID),
        domain_id=DomainId(ROOT_DOMAIN_ID),
        zone_id=ZoneId(zone),
        service_offering_id=OfferingId("none"),
        hypervisor="Simulator",
        state=VmState.STOPPED,
    )
    return replace(vm, **other)  # type: ignore[arg-type]


def an_iso(zone: str) -> Template:
    return Template(
        id=TemplateId("iso-1"),
        name="rescue",
        display_text="rescue",
        created=BEGINNING,
        account_id=AccountId(ADMIN_ACCOUNT_ID),
        domain_id=DomainId(ROOT_DOMAIN_ID),
        zone_id=ZoneId(zone),
        hypervisor="Simulator",
        format="ISO",
        url="file:///images/rescue.iso",
        is_iso=True,
        is_ready=True,
    )


async def test_ha_of_a_host_is_on_until_the_host_its_cluster_or_its_zone_says_no() -> None:
    async with an_api() as api:
        place = await a_host(api)
        host, cluster, zone = place["hostid"], place["clusterid"], place["zoneid"]

        states = [await has_ha(api, host)]
        for command, where in (
            ("disableHAForZone", {"zoneid": zone}),
            ("disableHAForCluster", {"clusterid": cluster}),
            ("enableHAForZone", {"zoneid": zone}),
            ("enableHAForCluster", {"clusterid": cluster}),
            ("disableHAForHost", {"hostid": host}),
            ("enableHAForHost", {"hostid": host}),
        ):
            await result_of(api, command, **where)
            states.append(await has_ha(api, host))

    assert states == [True, False, False, False, True, False, True]


async def test_other_details_of_a_zone_do_not_switch_ha_on_again() -> None:
    async with an_api() as api:
        place = await a_host(api)
        await result_of(api, "disableHAForZone", zoneid=place["zoneid"])

        await api.post("updateZone", id=place["zoneid"], **{"details[0].floor": "3"})
        [zone] = await api.cloud.store.zones.find()

        assert (await has_ha(api, place["hostid"]), zone.details["floor"]) == (False, "3")


async def test_a_host_has_the_provider_of_its_hypervisor() -> None:
    async with an_api() as api:
        place = await a_host(api)
        configured = await result_of(api, "configureHAForHost", hostid=place["hostid"], provider="SimulatorHAProvider")
        wrong = await api.post("configureHAForHost", hostid=place["hostid"], provider="KVMHAProvider")
        providers = await api.call("listHostHAProviders", hypervisor="KVM")
        listed = await api.call("listHostHAResources", hostid=place["hostid"])

    assert configured["hostha"] == listed.body["hostha"][0]
    assert (wrong.status, "provider" in wrong.body["errortext"]) == (431, True)
    assert providers.body["haprovider"] == [{"haprovider": "kvmhaprovider"}]


async def test_an_iso_that_a_vm_has_is_neither_given_again_nor_deleted() -> None:
    async with an_api() as api:
        zone, store = await a_zone(api), api.cloud.store
        iso = await store.templates.add(an_iso(zone))
        vm = await store.vms.add(a_vm("User", zone, iso_id=iso.id))
        without = await store.vms.add(replace(a_vm("User", zone), id=VmId("without")))

        begun = await api.post("attachIso", id=iso.id, virtualmachineid=without.id)
        again = await api.post("attachIso", id=iso.id, virtualmachineid=vm.id)
        deleted = await api.post("deleteIso", id=iso.id)
        nothing = await api.post("detachIso", virtualmachineid=without.id)
        [shown] = (await api.call("listVirtualMachines", id=vm.id)).body["virtualmachine"]

    assert begun.body.keys() == {"jobid"}
    assert (again.status, deleted.status, nothing.status) == (536, 536, 431)
    assert shown["isoname"] == "rescue"


async def test_isos_and_templates_are_listed_apart() -> None:
    async with an_api() as api:
        await api.cloud.store.templates.add(an_iso(await a_zone(api)))

        isos = await api.call("listIsos", isofilter="all")
        templates = await api.call("listTemplates", templatefilter="all")

    assert [each["name"] for each in isos.body["iso"]] == ["rescue"]
    assert templates.body == {}


async def test_system_vms_and_routers_are_rows_of_their_own() -> None:
    async with an_api() as api:
        zone, store = await a_zone(api), api.cloud.store
        public = Nic(id=NicId("n"), mac="02:00:00:00:00:01", ip="192.0.2.7", traffic_type="Public")
        for kind in ("ConsoleProxy", "SecondaryStorageVm", "DomainRouter", "User"):
            await store.vms.add(a_vm(kind, zone, nics=(public,)))

        proxies = await api.call("listSystemVms", systemvmtype="consoleproxy")
        routers = await api.call("listRouters", listall="true")
        users = await api.call("listVirtualMachines", listall="true")
        wrong = [
            await api.post("stopSystemVm", id="User-1"),
            await api.post("startSystemVm", id="DomainRouter-1"),
            await api.post("destroyRouter", id="ConsoleProxy-1"),
        ]

    assert [(each["name"], each["publicip"]) for each in proxies.body["systemvm"]] == [("ConsoleProxy-1", "192.0.2.7")]
    assert [each["name"] for each in routers.body["router"]] == ["DomainRouter-1"]
    assert [each["name"] for each in users.body["virtualmachine"]] == ["User-1"]
    assert [each.status for each in wrong] == [431, 431, 431]


async def test_a_job_on_a_system_vm_is_shown_as_one() -> None:
    async with an_api() as api:
        await api.cloud.store.vms.add(a_vm("ConsoleProxy", await a_zone(api)))

        begun = await api.post("stopSystemVm", id="ConsoleProxy-1")
        job = await api.cloud.store.jobs.by_id(begun.body["jobid"])

    assert job.command == "stopSystemVm"


async def test_a_new_password_is_in_the_result_of_its_job_and_in_no_list() -> None:
    async with an_api() as api:
        zone, store = await a_zone(api), api.cloud.store
        image = replace(an_iso(zone), id=TemplateId("t"), is_iso=False, format="RAW", password_enabled=True)
        await store.templates.add(image)
        vm = await store.vms.add(a_vm("User", zone, template_id=image.id))

        shown = await result_of(api, "resetPasswordForVirtualMachine", id=vm.id, password="correct horse")
        listed = await api.call("listVirtualMachines", id=vm.id)
        short = await api.post("resetPasswordForVirtualMachine", id=vm.id, password="abc")

    assert shown["virtualmachine"]["password"] == "correct horse"  # type: ignore[index]
    assert "password" not in listed.body["virtualmachine"][0]
    assert (short.status, "password" in short.body["errortext"]) == (431, True)


async def test_new_keys_come_with_a_new_password_where_the_template_takes_one() -> None:
    async with an_api() as api:
        zone, store = await a_zone(api), api.cloud.store
        await api.post("createSSHKeyPair", name="desk")
        shown = {}
        for takes_one in (True, False):
            image = replace(an_iso(zone), id=TemplateId(f"t-{takes_one}"), is_iso=False, password_enabled=takes_one)
            await store.templates.add(replace(image, name=image.id))
            vm = replace(a_vm("User", zone, template_id=image.id), id=VmId(f"vm-{takes_one}"))
            await store.vms.add(replace(vm, name=vm.id))
            told = await result_of(api, "resetSSHKeyForVirtualMachine", id=vm.id, keypair="desk")
            shown[takes_one] = told["virtualmachine"]

    assert [shown[takes_one]["keypairs"] for takes_one in (True, False)] == ["desk", "desk"]  # type: ignore[index]
    assert ("password" in shown[True], "password" in shown[False]) == (True, False)  # type: ignore[operator]


def test_a_guest_without_an_iso_has_its_own_disks_only() -> None:
    assert disks(GuestOrder(vm=a_vm("User", "z"), volumes=(), template=None, mounts={})) == ()
