"""Kinds of resource that may be limited, with CloudStack's numbers and words."""

from __future__ import annotations

from enum import IntEnum


class ResourceType(IntEnum):
    """Of snapshots and VPCs there are none here, so that nobody comes to their limits."""

    INSTANCE = 0
    PUBLIC_IP = 1
    VOLUME = 2
    SNAPSHOT = 3
    TEMPLATE = 4
    PROJECT = 5
    NETWORK = 6
    VPC = 7
    CPU = 8
    MEMORY = 9
    PRIMARY_STORAGE = 10
    SECONDARY_STORAGE = 11

    @property
    def word(self) -> str:
        return WORDS[self]


WORDS = {
    ResourceType.INSTANCE: "user_vm",
    ResourceType.PUBLIC_IP: "public_ip",
    ResourceType.VOLUME: "volume",
    ResourceType.SNAPSHOT: "snapshot",
    ResourceType.TEMPLATE: "template",
    ResourceType.PROJECT: "project",
    ResourceType.NETWORK: "network",
    ResourceType.VPC: "vpc",
    ResourceType.CPU: "cpu",
    ResourceType.MEMORY: "memory",
    ResourceType.PRIMARY_STORAGE: "primary_storage",
    ResourceType.SECONDARY_STORAGE: "secondary_storage",
}
UNLIMITED = -1
