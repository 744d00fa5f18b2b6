"""apache-libcloud's CloudStack driver, unmodified: it asks much after every step, and takes an envelope only by its exact name."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from libcloud.common.types import InvalidCredsError, ProviderError
from libcloud.compute.drivers.cloudstack import CloudStackNodeDriver
from libcloud.compute.types import NodeState

from tests.integration.clients.conftest import Zone
from tests.kit.running_cloud import RunningController


def a_driver(controller: RunningController, secret: str | None = None) -> Any:
    where = urlsplit(controller.api)
    return CloudStackNodeDriver(  # type: ignore[no-untyped-call]
        controller.admin["apikey"],
        secret or controller.admin["secretkey"],
        secure=False,
        host=where.hostname,
        port=where.port,
        path=where.path,
    )


@pytest.fixture(scope="session")
def driver(controller: RunningController, zone: Zone) -> Any:
    return a_driver(controller)


def test_what_can_be_chosen_from_is_listed(driver: Any, zone: Zone) -> None:
    assert [place.id for place in driver.list_locations()] == [zone.id]
    assert zone.template_id in [image.id for image in driver.list_images()]
    assert zone.offering_id in [size.id for size in driver.list_sizes()]
    for nothing in (driver.list_volumes(), driver.ex_list_networks(), driver.ex_list_disk_offerings()):
        assert isinstance(nothing, list)


def test_a_node_lives_from_its_creation_to_its_end(driver: Any, zone: Zone) -> None:
    [place] = driver.list_locations()
    image = next(each for each in driver.list_images() if each.id == zone.template_id)
    size = next(each for each in driver.list_sizes() if each.id == zone.offering_id)

    node = driver.create_node(name="node", size=size, image=image, location=place, ex_start_vm=True)
    assert (node.name, node.state) == ("node", NodeState.RUNNING)
    assert node.private_ips
    assert node.id in [each.id for each in driver.list_nodes()]

    assert driver.ex_stop(node) == "Stopped"
    assert driver.ex_start(node) == "Running"
    assert driver.reboot_node(node)
    assert driver.destroy_node(node, ex_expunge=True)
    assert node.id not in [each.id for each in driver.list_nodes()]


def test_a_node_that_is_not_to_be_started_is_stopped(driver: Any, zone: Zone) -> None:
    [place] = driver.list_locations()
    [image] = [each for each in driver.list_images() if each.id == zone.template_id]
    [size] = [each for each in driver.list_sizes() if each.id == zone.offering_id]

    node = driver.create_node(name="asleep", size=size, image=image, location=place, ex_start_vm=False)

    assert node.state == NodeState.STOPPED
    assert driver.ex_get_node(node.id).name == "asleep"


def test_a_volume_is_made_attached_detached_and_destroyed(driver: Any, zone: Zone) -> None:
    [place] = driver.list_locations()
    [image] = [each for each in driver.list_images() if each.id == zone.template_id]
    [size] = [each for each in driver.list_sizes() if each.id == zone.offering_id]
    node = driver.create_node(name="with-disk", size=size, image=image, location=place)
    driver._sync_request("createDiskOffering", params={"name": "1g", "displaytext": "1 GiB", "disksize": 1})

    volume = driver.create_volume(size=1, name="data", location=place)
    assert driver.attach_volume(node, volume)
    assert driver.detach_volume(volume)
    assert driver.destroy_volume(volume)


def test_routers_and_addresses_are_asked_for_and_are_none(driver: Any, zone: Zone) -> None:
    assert driver.ex_list_routers() == []
    assert driver.ex_list_public_ips() == []
    assert driver.ex_list_port_forwarding_rules() == []
    assert driver.ex_list_ip_forwarding_rules() == []


def test_errors_are_told_in_its_own_exceptions(controller: RunningController, driver: Any, zone: Zone) -> None:
    with pytest.raises(InvalidCredsError):
        a_driver(controller, secret="guessed").list_locations()
    with pytest.raises(ProviderError) as refused:
        driver._sync_request("startVirtualMachine", params={"id": "4711"})

    assert "Invalid parameter id value=4711" in str(refused.value)
