"""Records are told in ids; people know hosts, pools and machines by name.

In what is meant for people (the keys of TOLD) every id is replaced by the name it has now; ids that programs read stay."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mainstay_controller.api.views.related import names_of
from mainstay_controller.domain.records import Json
from mainstay_controller.operations.cloud import Cloud

TOLD = frozenset({"text", "need", "have"})
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Facts = dict[str, Json]
Names = Mapping[str | None, str]


async def names_in(facts: Iterable[Facts], cloud: Cloud) -> Names:
    """The names of all that these facts speak of to people."""
    ids = {found for each in facts for told in _told(each) for found in ID.findall(told)}
    store = cloud.store
    return {
        **await names_of(store.vms, ids),
        **await names_of(store.pools, ids),
        **await names_of(store.hosts, ids),
    }


def in_words(facts: Facts, names: Names) -> Facts:
    return {key: _worded(value, names, told=key in TOLD) for key, value in facts.items()}


def _worded(value: Json, names: Names, *, told: bool) -> Json:
    match value:
        case str() if told:
            return ID.sub(lambda found: names.get(found[0], found[0]), value)
        case dict():
            return in_words(value, names)
        case list():
            return [_worded(each, names, told=told) for each in value]
    return value


def _told(facts: Facts) -> Iterable[str]:
    for key, value in facts.items():
        if isinstance(value, str) and key in TOLD:
            yield value
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from _told(inner)
