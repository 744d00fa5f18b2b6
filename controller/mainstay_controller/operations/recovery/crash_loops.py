"""A guest that stops again and again is restarted again and again, as long as its user wants it to run; somebody should know."""

from __future__ import annotations

from datetime import timedelta

from mainstay_controller.domain.records import Vm
from mainstay_controller.operations.alerting.close_alerts import CRASH_LOOP, CRASH_LOOP_SECONDS, CRASHES
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import AlertType, Place
from mainstay_controller.store.port import Store, any_of, at_least, eq


async def tell_crash_loop(store: Store, vm: Vm, cloud: Cloud) -> None:
    """In the transaction that decided to start it once more."""
    since = await store.now() - timedelta(seconds=CRASH_LOOP_SECONDS)
    stops = await store.decisions.count(eq("vm_id", vm.id), any_of("rule", CRASHES), at_least("created", since))
    if stops >= cloud.settings.crash_loop_stops:
        within = f"{stops} times within {CRASH_LOOP_SECONDS / 60:.0f} minutes"
        subject = f"VM {vm.name} stopped unexpectedly {within}; it is started again each time"
        place = Place(zone_id=vm.zone_id, pod_id=vm.pod_id, cluster_id=vm.cluster_id, host_id=vm.host_id)
        await cloud.journal.alert(store, AlertType.USER_VM, subject, dedupe_key=f"{CRASH_LOOP}:{vm.id}", place=place)
