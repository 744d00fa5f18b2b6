"""Who provides storage: what clients look up before they name one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ROOT_READS, Caller
from mainstay_controller.api.answers import Rows
from mainstay_controller.api.listing import Listing, page_in_memory
from mainstay_controller.api.registry import command
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.storage.create_storage_pool import PROVIDER
from mainstay_controller.operations.storage.image_stores import PROVIDERS


class StorageKind(StrEnum):
    PRIMARY = "primary"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageProviderView:
    wire_key: ClassVar[str] = "dataStoreProvider"

    name: str
    type: StorageKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStorageProviders(Listing):
    type: Annotated[StorageKind, "of which storage: primary or image"]


@command("listStorageProviders", roles=ROOT_READS)
async def list_providers(request: ListStorageProviders, _caller: Caller, _cloud: Cloud) -> Rows[StorageProviderView]:
    """Lists the providers of primary or of secondary storage."""
    names = (PROVIDER,) if request.type is StorageKind.PRIMARY else PROVIDERS
    return page_in_memory(request, [StorageProviderView(name=name, type=request.type) for name in names])


COMMANDS = (list_providers,)
