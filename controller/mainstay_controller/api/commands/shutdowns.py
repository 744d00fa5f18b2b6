"""Shutdowns of management servers: prepared, cancelled, and whether all is ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.registry import command
from mainstay_controller.domain.ids import ControllerId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.maintenance import prepare_shutdown


@dataclass(frozen=True, slots=True, kw_only=True)
class OfOne:
    management_server_id: Annotated[ControllerId | None, "the ID of the management server; this one if not given"] = (
        None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessView:
    wire_key: ClassVar[str] = "readyforshutdown"

    management_server_id: str
    state: str
    maintenance_initiated: bool
    shutdown_triggered: bool
    ready_for_shutdown: bool
    pending_jobs_count: int
    agents_count: int
    agents: tuple[str, ...]


def shown(found: prepare_shutdown.Readiness) -> ReadinessView:
    return ReadinessView(
        management_server_id=found.controller.id,
        state=found.state,
        maintenance_initiated=False,
        shutdown_triggered=found.is_triggered,
        ready_for_shutdown=found.is_ready,
        pending_jobs_count=found.pending_jobs,
        agents_count=len(found.host_ids),
        agents=found.host_ids,
    )


@command("prepareForShutdown", roles=ROOT)
async def prepare_for_shutdown(request: OfOne, _caller: Caller, cloud: Cloud) -> ReadinessView:
    """Prepares a management server for a shutdown: it takes no new jobs, and its agents go to others."""
    return shown(await prepare_shutdown.prepare(request.management_server_id or cloud.me.id, cloud))


@command("cancelShutdown", roles=ROOT)
async def cancel_shutdown(request: OfOne, _caller: Caller, cloud: Cloud) -> ReadinessView:
    """Cancels a prepared shutdown."""
    return shown(await prepare_shutdown.cancel(request.management_server_id or cloud.me.id, cloud))


@command("readyForShutdown", roles=ROOT_READS)
async def ready_for_shutdown(request: OfOne, _caller: Caller, cloud: Cloud) -> ReadinessView:
    """Tells whether a management server may be stopped now, and what it still does."""
    return shown(await prepare_shutdown.readiness(request.management_server_id or cloud.me.id, cloud))


COMMANDS = (prepare_for_shutdown, cancel_shutdown, ready_for_shutdown)
