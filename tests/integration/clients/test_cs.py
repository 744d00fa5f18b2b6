"""`cs`, unmodified, through the life of a zone and of a VM: what it is told is what it can read."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from cs import CloudStackApiException

from tests.integration.clients.conftest import HOSTS, Zone
from tests.kit.running_cloud import RunningController


def deploy(cs: Any, zone: Zone, name: str, **wishes: Any) -> dict[str, Any]:
    result: dict[str, Any] = cs.deployVirtualMachine(
        name=name,
        zoneid=zone.id,
        templateid=zone.template_id,
        serviceofferingid=zone.offering_id,
        fetch_result=True,
        **wishes,
    )
    vm: dict[str, Any] = result["virtualmachine"]
    return vm


def an_offering(cs: Any, name: str, memory: int) -> str:
    made = cs.createServiceOffering(name=name, displaytext=name, cpunumber=1, cpuspeed=500, memory=memory)
    offering_id: str = made["serviceoffering"]["id"]
    return offering_id


def test_a_zone_is_there_with_all_that_was_put_in_it(cs: Any, zone: Zone) -> None:
    [shown] = cs.listZones(id=zone.id)["zone"]
    hosts = cs.listHosts(type="Routing", fetch_list=True)
    clusters = cs.listClusters(zoneid=zone.id, fetch_list=True)

    assert shown["allocationstate"] == "Enabled"
    assert len(hosts) == HOSTS
    assert all({"ipaddress", "name", "id", "resourcestate", "hypervisor", "clustername"} <= set(host) for host in hosts)
    assert [cluster["cpuovercommitratio"] for cluster in clusters] == ["1.0"]


def test_a_vm_lives_from_its_deployment_to_its_end(cs: Any, zone: Zone) -> None:
    vm = deploy(cs, zone, "web", details=[{"nic": "e1000"}])
    assert (vm["name"], vm["state"], vm["zoneid"]) == ("web", "Running", zone.id)
    assert vm["nic"][0]["ipaddress"]

    stopped = cs.stopVirtualMachine(id=vm["id"], forced=True, fetch_result=True)["virtualmachine"]
    assert stopped["state"] == "Stopped"

    started = cs.startVirtualMachine(id=vm["id"], fetch_result=True)["virtualmachine"]
    other = next(host["id"] for host in cs.listHosts()["host"] if host["id"] != started["hostid"])
    moved = cs.migrateVirtualMachine(virtualmachineid=vm["id"], hostid=other, fetch_result=True)["virtualmachine"]
    assert moved["hostid"] == other

    cs.rebootVirtualMachine(id=vm["id"], fetch_result=True)
    cs.destroyVirtualMachine(id=vm["id"], expunge=True, fetch_result=True)
    assert vm["id"] not in [each["id"] for each in cs.listVirtualMachines(listall=True).get("virtualmachine", [])]


def test_a_vm_is_told_what_its_user_wants_it_to_know(cs: Any, zone: Zone) -> None:
    cs.createSSHKeyPair(name="laptop")
    cs.createSSHKeyPair(name="desk")
    data = b64encode(b"#cloud-config\n").decode()

    vm = deploy(cs, zone, "told", userdata=data, keypair="laptop")
    told = cs.getVirtualMachineUserData(virtualmachineid=vm["id"])["virtualmachineuserdata"]
    cs.stopVirtualMachine(id=vm["id"], fetch_result=True)
    reset = cs.resetSSHKeyForVirtualMachine(id=vm["id"], keypairs="laptop,desk", fetch_result=True)["virtualmachine"]
    again = cs.startVirtualMachine(id=vm["id"], fetch_result=True)["virtualmachine"]
    with pytest.raises(CloudStackApiException) as plain:
        deploy(cs, zone, "plain", userdata="#cloud-config")
    cs.destroyVirtualMachine(id=vm["id"], expunge=True, fetch_result=True)

    assert (told["userdata"], vm["keypairs"]) == (data, "laptop")
    assert (reset["keypairs"], again["state"]) == ("laptop,desk", "Running")
    assert plain.value.error["errorcode"] == 431
    assert "userdata" in plain.value.error["errortext"]


def test_an_iso_comes_and_goes_while_the_vm_runs(cs: Any, zone: Zone) -> None:
    vm = deploy(cs, zone, "reader")
    [iso] = cs.registerIso(name="rescue", displaytext="rescue", url="file:///images/rescue.iso", zoneid=zone.id)["iso"]

    attached = cs.attachIso(id=iso["id"], virtualmachineid=vm["id"], fetch_result=True)["virtualmachine"]
    with pytest.raises(CloudStackApiException) as taken:
        cs.deleteIso(id=iso["id"])
    detached = cs.detachIso(virtualmachineid=vm["id"], fetch_result=True)["virtualmachine"]
    cs.deleteIso(id=iso["id"], fetch_result=True)
    cs.destroyVirtualMachine(id=vm["id"], expunge=True, fetch_result=True)

    assert (attached["state"], attached["isoid"], attached["isoname"]) == ("Running", iso["id"], "rescue")
    assert taken.value.error["errorcode"] == 536
    assert "isoid" not in detached


def test_what_is_wrong_is_an_exception_that_tells_what(cs: Any, zone: Zone) -> None:
    with pytest.raises(CloudStackApiException) as unknown:
        cs.deployVirtualMachine(zoneid=zone.id, templateid=zone.template_id, serviceofferingid="4711")
    with pytest.raises(CloudStackApiException) as missing:
        cs.createPod(name="p2")
    with pytest.raises(CloudStackApiException) as unsupported:
        cs.createLoadBalancerRule(name="lb")

    assert unknown.value.error["errorcode"] == 431
    assert "serviceofferingid" in unknown.value.error["errortext"]
    assert "missing parameter zoneid" in missing.value.error["errortext"]
    assert unsupported.value.error["errorcode"] == 432


def test_a_wish_beyond_every_host_is_refused_at_once(cs: Any, zone: Zone) -> None:
    giant = an_offering(cs, "giant", memory=900_000)

    with pytest.raises(CloudStackApiException) as refused:
        deploy(cs, replace(zone, offering_id=giant), "giant")

    assert refused.value.error["errorcode"] == 431
    assert "largest host" in refused.value.error["errortext"]


def test_a_job_that_fails_tells_why(cs: Any, zone: Zone) -> None:
    half = replace(zone, offering_id=an_offering(cs, "half", memory=60_000))
    first = deploy(cs, half, "half1")

    with pytest.raises(CloudStackApiException) as refused:
        deploy(cs, half, "half2")
    [left] = cs.listVirtualMachines(name="half2")["virtualmachine"]
    for vm_id in (first["id"], left["id"]):
        cs.destroyVirtualMachine(id=vm_id, expunge=True, fetch_result=True)

    assert refused.value.error["errorcode"] == 533, refused.value.error
    assert "memory" in refused.value.error["errortext"]
    assert left["state"] == "Error"


def test_lists_are_fetched_page_by_page_and_jobs_remembered(cs: Any, zone: Zone) -> None:
    commands = cs.listApis(fetch_list=True)
    jobs = cs.listAsyncJobs(fetch_list=True)

    assert {"deployVirtualMachine", "queryAsyncJobResult"} <= {each["name"] for each in commands}
    assert all(isinstance(job["jobstatus"], int) for job in jobs)


def test_a_wrong_secret_is_refused_in_json(controller: RunningController, cs: Any) -> None:
    stranger = type(cs)(endpoint=controller.api, key=controller.admin["apikey"], secret="guessed")

    with pytest.raises(CloudStackApiException) as refused:
        stranger.listZones()

    assert refused.value.error["errorcode"] == 401


def test_parameters_go_by_post_too(controller: RunningController, cs: Any, zone: Zone) -> None:
    posting = type(cs)(
        endpoint=controller.api, key=controller.admin["apikey"], secret=controller.admin["secretkey"], method="post"
    )

    assert posting.listZones(keyword="a~b*[c] &%") == {}
    assert [each["id"] for each in posting.listZones(name="z1")["zone"]] == [zone.id]
