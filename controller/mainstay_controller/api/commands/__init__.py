"""The nouns of the API, a module each; `ALL` is the one table of commands, composed by hand."""

from __future__ import annotations

from mainstay_controller.api.commands import (
    accounts,
    api_limits,
    capabilities,
    clusters,
    configurations,
    discovery,
    disk_offerings,
    domains,
    events,
    hosts,
    incidents,
    jobs,
    out_of_band,
    pods,
    roles,
    service_offerings,
    sign_in,
    storage_pools,
    templates,
    users,
    virtual_machines,
    volumes,
    zones,
)
from mainstay_controller.api.registry import Registry

ALL: Registry = Registry(
    (
        *discovery.discovery_commands(lambda: ALL),
        *sign_in.COMMANDS,
        *accounts.COMMANDS,
        *users.COMMANDS,
        *domains.COMMANDS,
        *roles.COMMANDS,
        *zones.COMMANDS,
        *pods.COMMANDS,
        *clusters.COMMANDS,
        *hosts.COMMANDS,
        *out_of_band.COMMANDS,
        *storage_pools.COMMANDS,
        *service_offerings.COMMANDS,
        *templates.COMMANDS,
        *virtual_machines.COMMANDS,
        *jobs.COMMANDS,
        *events.COMMANDS,
        *incidents.COMMANDS,
        *configurations.COMMANDS,
        *capabilities.COMMANDS,
        *api_limits.COMMANDS,
        *disk_offerings.COMMANDS,
        *volumes.COMMANDS,
    )
)
