"""Settings as operators change them: written as rows, read by every controller a moment later.

A value is refused unless its declaration allows it, so what is read is fit to be used; a row that an older or newer version wrote, and that does not fit
here, is passed over with a word in the log.  A cluster's and a pool's own values stand in their rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mainstay_controller.domain.records import Cluster, Setting, StoragePool
from mainstay_controller.domain.tunable import Scope, Value, written
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.journal import About
from mainstay_controller.operations.settings import Declared, Settings, declared
from mainstay_controller.store.port import Store, eq
from mainstay_runtime.logs import logger

EVENT = "CONFIGURATION.VALUE.EDIT"
ROW_FIELDS = {
    "cpu.overprovisioning.factor": "cpu_overcommit_ratio",
    "mem.overprovisioning.factor": "memory_overcommit_ratio",
    "storage.overprovisioning.factor": "overprovision_factor",
}
"""Settings of a cluster or pool, and where its row keeps them."""

log = logger(__name__)
Place = Cluster | StoragePool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A setting and what it is now."""

    declared: Declared
    value: Value


async def settings_kept(store: Store) -> Settings:
    """What holds in the whole cloud."""
    known = declared()
    given: dict[str, Any] = {}
    for row in await store.settings.find(eq("scope", Scope.GLOBAL)):
        each = known.get(row.name)
        try:
            if each is None:
                raise ValueError("there is no such setting here")
            given[each.field] = each.tunable.read(row.value, each.kind)
        except ValueError as error:
            log.warning("setting is passed over", setting=row.name, why=str(error))
    return Settings(**given)


async def refresh(cloud: Cloud) -> None:
    """Take over what was changed, but for what agents were told when we started."""
    kept: dict[str, Any] = {
        each.field: getattr(cloud.settings, each.field) for each in declared().values() if each.tunable.at_start
    }
    cloud.settings = replace(await settings_kept(cloud.store), **kept)


def tuned(cloud: Cloud) -> list[Tuned]:
    return [Tuned(declared=each, value=getattr(cloud.settings, each.field)) for each in declared().values()]


def tuned_at(place: Place) -> list[Tuned]:
    """Those that a cluster or pool has values of its own for."""
    return [
        Tuned(declared=declared()[name], value=getattr(place, field))
        for name, field in ROW_FIELDS.items()
        if hasattr(place, field)
    ]


async def tune(name: str, text: str, cloud: Cloud, about: About) -> Tuned:
    each = named(name)
    value = _read(each, text)
    row = Setting(
        id=f"{Scope.GLOBAL}::{name}",
        name=name,
        value=written(value),
        created=await cloud.store.now(),
        scope=Scope.GLOBAL,
    )
    async with cloud.store.transaction() as store:
        known = await store.settings.get(row.id)
        await (
            store.settings.add(row) if known is None else store.settings.swap(known, replace(known, value=row.value))
        )
        old, new = (each.tunable.shown(it) for it in (getattr(cloud.settings, each.field), value))
        await cloud.journal.event(store, EVENT, f"{name}: {old} -> {new}", about)
    await refresh(cloud)
    return Tuned(declared=each, value=value)


async def untune(name: str, cloud: Cloud, about: About) -> Tuned:
    """Back to the default."""
    each = named(name)
    async with cloud.store.transaction() as store:
        if await store.settings.remove(f"{Scope.GLOBAL}::{name}"):
            await cloud.journal.event(store, EVENT, f"{name}: back to {written(each.default)}", about)
    await refresh(cloud)
    return Tuned(declared=each, value=each.default)


async def tune_place(name: str, text: str | None, place: Place, cloud: Cloud, about: About) -> Tuned:
    """`text` None: what holds in the whole cloud."""
    each, field = named(name), ROW_FIELDS.get(name)
    if field is None or not hasattr(place, field):
        raise InvalidParameter("name", f"{name} has no value of its own there: it is of scope {each.tunable.scope}")
    value = getattr(cloud.settings, each.field) if text is None else _read(each, text)
    given: dict[str, Any] = {field: value}
    async with cloud.store.transaction() as store:
        repository: Any = store.clusters if isinstance(place, Cluster) else store.pools
        await repository.swap(place, replace(place, **given))
        await cloud.journal.event(store, EVENT, f"{name} of {place.name}: {getattr(place, field)} -> {value}", about)
    return Tuned(declared=each, value=value)


def named(name: str) -> Declared:
    each = declared().get(name)
    if each is None:
        raise InvalidParameter("name", f"there is no setting {name}")
    return each


def _read(each: Declared, text: str) -> Value:
    try:
        return each.tunable.read(text, each.kind)
    except ValueError as error:
        raise InvalidParameter("value", f"{text!r} is no value for {each.tunable.name}: {error}") from None
