"""What a guest is told in its config drive, gathered when it is ordered to run: whoever orders it, wherever it runs, it finds the same.

A password goes with every start until its owner stops the guest: one that ran has taken it."""

from __future__ import annotations

from mainstay_controller.domain.records import ServiceOffering, Vm, Zone
from mainstay_controller.fleet.config_drive import Seed
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.master_key import WrongMasterKey
from mainstay_controller.operations.secrets import name_of_guest_password, opened
from mainstay_runtime.logs import logger

log = logger(__name__)


def seed_of(vm: Vm, zone: Zone | None, offering: ServiceOffering | None, cloud: Cloud) -> Seed | None:
    """None: there is nothing to tell it."""
    if not vm.wants_config_drive:
        return None
    return Seed(
        zone_name=zone.name if zone is not None else "",
        offering_name=offering.name if offering is not None else "",
        name_servers=tuple(server for server in (zone.dns1, zone.dns2) if server) if zone is not None else (),
        password=_password(vm, cloud),
    )


def _password(vm: Vm, cloud: Cloud) -> str | None:
    if vm.password is None:
        return None
    try:
        return opened(name_of_guest_password(vm.id), vm.password, cloud)
    except WrongMasterKey as error:  # no reason to keep the guest down
        log.error("a guest is run without its password", vm=vm.id, error=str(error))
        return None
