"""The nouns of the API, a module each; `ALL` is the one table of commands, composed by hand."""

from __future__ import annotations

from mainstay_controller.api.commands import discovery, zones
from mainstay_controller.api.registry import Registry

ALL: Registry = Registry(
    (
        *discovery.discovery_commands(lambda: ALL),
        *zones.COMMANDS,
    )
)
