"""Who may see and do what: roles beside the commands, and a tree of domains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mainstay_controller.domain.ids import AccountId, DomainId, OfferingId, VmId, ZoneId
from mainstay_controller.domain.records import Vm
from mainstay_controller.operations.beginning.first_admin import KeyPair
from tests.kit.api import ApiClient, an_api

PERSON = {"email": "p@example.org", "firstname": "P", "lastname": "Q", "password": "a long password"}


@dataclass(frozen=True, slots=True)
class Member:
    """An account with its one user's keys."""

    account: Mapping[str, str]
    api: ApiClient

    async def owns(self, name: str) -> str:
        vm = Vm(
            id=VmId(f"vm-{name}"),
            name=name,
            created=self.api.cloud.clock.now(),
            account_id=AccountId(self.account["id"]),
            domain_id=DomainId(self.account["domainid"]),
            zone_id=ZoneId("z"),
            service_offering_id=OfferingId("o"),
        )
        return (await self.api.cloud.store.vms.add(vm)).id

    async def sees(self, **scope: str) -> list[str]:
        body = (await self.api.call("listVirtualMachines", **scope)).body
        return [vm["name"] for vm in body.get("virtualmachine", [])]


async def a_domain(api: ApiClient, name: str, **where: str) -> str:
    domain_id: str = (await api.post("createDomain", name=name, **where)).body["domain"]["id"]
    return domain_id


async def a_member(api: ApiClient, name: str, domain: str, kind: int = 0) -> Member:
    made = await api.post("createAccount", username=name, accounttype=str(kind), domainid=domain, **PERSON)
    account = made.body["account"]
    keys = (await api.post("registerUserKeys", id=account["user"][0]["id"])).body["userkeys"]
    pair = KeyPair(api_key=keys["apikey"], secret_key=keys["secretkey"])
    return Member(account, api.signing_with(pair))


async def test_a_list_shows_what_the_caller_may_see_and_asked_for() -> None:
    async with an_api() as api:
        sales, emea = await a_domain(api, "sales"), ""
        emea = await a_domain(api, "emea", parentdomainid=sales)
        boss, ann, ben = (
            await a_member(api, "boss", sales, 2),
            await a_member(api, "ann", emea),
            await a_member(api, "ben", sales),
        )
        for member in (boss, ann, ben):
            await member.owns(f"of-{member.account['name']}")
        root = Member({}, api)

        assert await root.sees() == []
        assert await root.sees(listall="true") == ["of-ann", "of-ben", "of-boss"]
        assert await root.sees(domainid=sales) == ["of-ben", "of-boss"]
        assert await root.sees(domainid=sales, isrecursive="true") == ["of-ann", "of-ben", "of-boss"]
        assert await root.sees(domainid=emea, account="ann") == ["of-ann"]
        assert await boss.sees() == ["of-boss"]
        assert await boss.sees(listall="true") == ["of-ann", "of-ben", "of-boss"]
        assert await ann.sees(listall="true") == ["of-ann"]
        assert await ben.sees(listall="true") == ["of-ben"]


async def test_what_belongs_to_others_cannot_be_named() -> None:
    async with an_api() as api:
        sales = await a_domain(api, "sales")
        ann, ben = await a_member(api, "ann", sales), await a_member(api, "ben", sales)
        vm_id = await ann.owns("web")

        stopped = await ben.api.post("stopVirtualMachine", id=vm_id)
        listed = await ben.api.call("listVirtualMachines", id=vm_id)

    assert (stopped.status, stopped.body["cserrorcode"]) == (531, 4365)
    assert listed.status == 531
    assert "does not have permission" in stopped.body["errortext"]


async def test_users_have_no_commands_of_administrators_and_do_not_see_them() -> None:
    async with an_api() as api:
        ann = await a_member(api, "ann", await a_domain(api, "sales"))
        names = {each["name"] for each in (await ann.api.call("listApis")).body["api"]}
        refused = await ann.api.call("listHosts")

    assert "listHosts" not in names
    assert "deployVirtualMachine" in names
    assert refused.status == 401


async def test_an_administrator_of_a_domain_cannot_become_more() -> None:
    async with an_api() as api:
        sales = await a_domain(api, "sales")
        boss = await a_member(api, "boss", sales, 2)
        admin = (await api.call("listUsers", username="admin")).body["user"][0]

        made_root = await boss.api.post("createAccount", username="eve", accounttype="1", **PERSON)
        elsewhere = await boss.api.post(
            "createAccount", username="eve", accounttype="0", domainid=admin["domainid"], **PERSON
        )
        stolen = await boss.api.post("registerUserKeys", id=admin["id"])

    assert [answer.status for answer in (made_root, elsewhere, stolen)] == [531, 531, 531]


async def test_an_administrator_of_the_root_domain_does_not_reach_root_administrators() -> None:
    async with an_api() as api:
        admin = (await api.call("listUsers", username="admin")).body["user"][0]
        boss = await a_member(api, "boss", admin["domainid"], 2)

        stolen = await boss.api.post("registerUserKeys", id=admin["id"])
        reset = await boss.api.post("updateUser", id=admin["id"], password="another password")

    assert (stolen.status, reset.status) == (531, 531)


async def test_a_read_only_administrator_sees_everything_and_changes_nothing() -> None:
    async with an_api() as api:
        root_domain = (await api.call("listDomains")).body["domain"][0]["id"]
        auditor = await a_member(api, "auditor", root_domain, 4)
        ann = await a_member(api, "ann", await a_domain(api, "sales"))
        vm_id = await ann.owns("web")

        assert await Member({}, auditor.api).sees(listall="true") == ["web"]
        assert (await auditor.api.call("listHosts")).status == 200
        assert (await auditor.api.post("stopVirtualMachine", id=vm_id)).status == 401
        assert (await auditor.api.post("registerUserKeys", id=auditor.account["id"])).status == 401


async def test_a_disabled_account_and_a_deleted_user_call_no_more() -> None:
    async with an_api() as api:
        sales = await a_domain(api, "sales")
        ann, ben = await a_member(api, "ann", sales), await a_member(api, "ben", sales)

        await api.post("disableAccount", id=ann.account["id"], lock="false")
        await api.post("deleteUser", id=ben.account["user"][0]["id"])  # type: ignore[index]

        assert (await ann.api.call("listZones")).status == 401
        assert (await ben.api.call("listZones")).status == 401


async def test_a_renamed_domain_takes_what_is_below_it_along() -> None:
    async with an_api() as api:
        sales = await a_domain(api, "sales")
        await a_domain(api, "emea", parentdomainid=sales)

        await api.post("updateDomain", id=sales, name="trade")
        paths = [domain["path"] for domain in (await api.call("listDomains")).body["domain"]]
        refused = await api.post("deleteDomain", id=sales)

    assert paths == ["ROOT", "ROOT/trade", "ROOT/trade/emea"]
    assert refused.status == 536
