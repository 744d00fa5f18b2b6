"""The nouns of the API, a module each; `ALL` is the one table of commands, composed by hand."""

from __future__ import annotations

from mainstay_controller.api.commands import (
    clusters,
    discovery,
    events,
    hosts,
    incidents,
    jobs,
    out_of_band,
    pods,
    service_offerings,
    sign_in,
    storage_pools,
    templates,
    virtual_machines,
    zones,
)
from mainstay_controller.api.registry import Registry

ALL: Registry = Registry(
    (
        *discovery.discovery_commands(lambda: ALL),
        *sign_in.COMMANDS,
        *zones.COMMANDS,
        *pods.COMMANDS,
        *clusters.COMMANDS,
        *hosts.COMMANDS,
        *storage_pools.COMMANDS,
        *service_offerings.COMMANDS,
        *templates.COMMANDS,
        *virtual_machines.COMMANDS,
        *jobs.COMMANDS,
        *events.COMMANDS,
        *out_of_band.COMMANDS,
        *incidents.COMMANDS,
    )
)
