"""Kinds of resource that may be limited, with CloudStack's numbers and words."""

from __future__ import annotations

from enum import IntEnum


class ResourceType(IntEnum):
    """Those that this cloud counts."""

    INSTANCE = 0
    PUBLIC_IP = 1
    VOLUME = 2
    TEMPLATE = 4
    NETWORK = 6
    CPU = 8
    MEMORY = 9
    PRIMARY_STORAGE = 10

    @property
    def word(self) -> str:
        return WORDS[self]


WORDS = {
    ResourceType.INSTANCE: "user_vm",
    ResourceType.PUBLIC_IP: "public_ip",
    ResourceType.VOLUME: "volume",
    ResourceType.TEMPLATE: "template",
    ResourceType.NETWORK: "network",
    ResourceType.CPU: "cpu",
    ResourceType.MEMORY: "memory",
    ResourceType.PRIMARY_STORAGE: "primary_storage",
}
UNLIMITED = -1
