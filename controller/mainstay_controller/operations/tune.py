"""Settings as operators change them: written as rows, read by every controller a moment later.

A value is refused unless its declaration allows it, so what is read is fit to be used; a row that an older or newer version wrote, and that does not fit
here, is passed over with a word in the log.  A zone, cluster, storage pool or account has a value of its own where the declaration names its
scope; ratios that its own row keeps are written there.  Secrets are sealed before they become rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mainstay_controller.domain.records import Account, Cluster, Setting, StoragePool, Zone
from mainstay_controller.domain.tunable import Scope, Value, written
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.journal import About
from mainstay_controller.operations.master_key import MasterKey
from mainstay_controller.operations.secrets import name_of_setting, opened_with, sealed
from mainstay_controller.operations.settings import Declared, Settings, declared
from mainstay_controller.store.port import Store, eq
from mainstay_runtime.logs import logger

EVENT = "CONFIGURATION.VALUE.EDIT"
ROW_FIELDS = {
    "cpu.overprovisioning.factor": "cpu_overcommit_ratio",
    "mem.overprovisioning.factor": "memory_overcommit_ratio",
    "storage.overprovisioning.factor": "overprovision_factor",
}
"""Settings of a cluster or pool that its row keeps, and where."""

log = logger(__name__)
Place = Zone | Cluster | StoragePool | Account
SCOPES: Mapping[type[Place], Scope] = {
    Zone: Scope.ZONE,
    Cluster: Scope.CLUSTER,
    StoragePool: Scope.STORAGE_POOL,
    Account: Scope.ACCOUNT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A setting and what it is now."""

    declared: Declared
    value: Value


async def settings_kept(store: Store, key: MasterKey | None = None) -> Settings:
    """What holds in the whole cloud."""
    return _settings(await store.settings.find(eq("scope", Scope.GLOBAL)), key)


async def refresh(cloud: Cloud) -> None:
    """Take over what was changed, but for what agents were told when we started."""
    rows = await cloud.store.settings.find()
    if rows == cloud.setting_rows:
        return
    kept: dict[str, Any] = {
        each.field: getattr(cloud.settings, each.field) for each in declared().values() if each.tunable.at_start
    }
    cloud.settings = replace(_settings([row for row in rows if row.scope == Scope.GLOBAL], cloud.master_key), **kept)
    cloud.scoped = _scoped([row for row in rows if row.scope != Scope.GLOBAL], cloud.master_key)
    cloud.setting_rows = rows


def tuned(cloud: Cloud) -> list[Tuned]:
    return [Tuned(declared=each, value=getattr(cloud.settings, each.field)) for each in declared().values()]


def tuned_at(place: Place, cloud: Cloud) -> list[Tuned]:
    """Those of the place's scope, as they hold there."""
    scope = SCOPES[type(place)]
    return [_tuned_at(each, place, cloud) for each in declared().values() if each.tunable.scope is scope]


async def tune(name: str, text: str, cloud: Cloud, about: About) -> Tuned:
    each = named(name)
    value = _read(each, text)
    await _write(each, value, Scope.GLOBAL, "", getattr(cloud.settings, each.field), cloud, about)
    return Tuned(declared=each, value=value)


async def untune(name: str, cloud: Cloud, about: About) -> Tuned:
    """Back to the default."""
    each = named(name)
    await _erase(each, Scope.GLOBAL, "", cloud, about)
    return Tuned(declared=each, value=each.default)


async def tune_place(name: str, text: str | None, place: Place, cloud: Cloud, about: About) -> Tuned:
    """`text` None: what holds in the whole cloud."""
    each, scope = named(name), SCOPES[type(place)]
    if each.tunable.scope is not scope:
        raise InvalidParameter("name", f"{name} has no value of its own there: it is of scope {each.tunable.scope}")
    if name in ROW_FIELDS:
        return await _tune_row(each, text, place, cloud, about)
    if text is None:
        await _erase(each, scope, place.id, cloud, about)
    else:
        await _write(each, _read(each, text), scope, place.id, _tuned_at(each, place, cloud).value, cloud, about)
    return _tuned_at(each, place, cloud)


def named(name: str) -> Declared:
    each = declared().get(name)
    if each is None:
        raise InvalidParameter("name", f"there is no setting {name}")
    return each


# --- rows -------------------------------------------------------------------------------------------------------------


async def _write(
    each: Declared, value: Value, scope: Scope, scope_id: str, old: Value, cloud: Cloud, about: About
) -> None:
    name = each.tunable.name
    text = written(value)
    row = Setting(
        id=row_id(scope, scope_id, name),
        name=name,
        value=sealed(name_of_setting(name), text, cloud) if each.tunable.is_secret else text,
        created=await cloud.store.now(),
        scope=scope,
        scope_id=scope_id,
    )
    async with cloud.store.transaction() as store:
        known = await store.settings.get(row.id)
        await (
            store.settings.add(row) if known is None else store.settings.swap(known, replace(known, value=row.value))
        )
        before, after = (each.tunable.shown(it) for it in (old, value))
        await cloud.journal.event(store, EVENT, f"{name}: {before} -> {after}{_at(scope, scope_id)}", about)
    await refresh(cloud)


async def _erase(each: Declared, scope: Scope, scope_id: str, cloud: Cloud, about: About) -> None:
    name = each.tunable.name
    async with cloud.store.transaction() as store:
        if await store.settings.remove(row_id(scope, scope_id, name)):
            after = written(each.default) if scope is Scope.GLOBAL else "what holds in the whole cloud"
            await cloud.journal.event(store, EVENT, f"{name}: back to {after}{_at(scope, scope_id)}", about)
    await refresh(cloud)


async def _tune_row(each: Declared, text: str | None, place: Place, cloud: Cloud, about: About) -> Tuned:
    field = ROW_FIELDS[each.tunable.name]
    value = getattr(cloud.settings, each.field) if text is None else _read(each, text)
    given: dict[str, Any] = {field: value}
    async with cloud.store.transaction() as store:
        repository: Any = store.clusters if isinstance(place, Cluster) else store.pools
        await repository.swap(place, replace(place, **given))
        said = f"{each.tunable.name} of {place.name}: {getattr(place, field)} -> {value}"
        await cloud.journal.event(store, EVENT, said, about)
    return Tuned(declared=each, value=value)


def row_id(scope: Scope, scope_id: str, name: str) -> str:
    return f"{scope}:{scope_id}:{name}"


def _at(scope: Scope, scope_id: str) -> str:
    return f" ({scope} {scope_id})" if scope_id else ""


# --- reading ----------------------------------------------------------------------------------------------------------


def _values(rows: list[Setting], key: MasterKey | None) -> dict[str, Any]:
    """By field; what does not fit is passed over."""
    known = declared()
    given: dict[str, Any] = {}
    for row in rows:
        each = known.get(row.name)
        try:
            if each is None:
                raise ValueError("there is no such setting here")
            text = opened_with(key, name_of_setting(row.name), row.value) if each.tunable.is_secret else row.value
            given[each.field] = each.tunable.read(text, each.kind)
        except ValueError as error:
            log.warning("setting is passed over", setting=row.name, why=str(error))
    return given


def _settings(rows: list[Setting], key: MasterKey | None) -> Settings:
    return Settings(**_values(rows, key))


def _scoped(rows: list[Setting], key: MasterKey | None) -> dict[tuple[Scope, str], dict[str, Any]]:
    places: dict[tuple[Scope, str], list[Setting]] = {}
    for row in rows:
        places.setdefault((Scope(row.scope), row.scope_id), []).append(row)
    return {place: _values(rows, key) for place, rows in places.items()}


def _tuned_at(each: Declared, place: Place, cloud: Cloud) -> Tuned:
    field = ROW_FIELDS.get(each.tunable.name)
    if field is not None:
        return Tuned(declared=each, value=getattr(place, field))
    return Tuned(declared=each, value=getattr(cloud.settings_in(SCOPES[type(place)], place.id), each.field))


def _read(each: Declared, text: str) -> Value:
    try:
        return each.tunable.read(text, each.kind)
    except ValueError as error:
        raise InvalidParameter("value", f"{text!r} is no value for {each.tunable.name}: {error}") from None
