"""Many rows at once, as the commands that put away and delete them name them: by id, by type, by age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.store.port import Where, any_of, at_least, at_most, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class OfThoseDays:
    start_date: Annotated[datetime | None, "only those since then"] = None
    end_date: Annotated[datetime | None, "only those until then"] = None


def selected(ids: Sequence[str] | None, type: int | str | None, days: OfThoseDays) -> list[Where]:
    """Whoever says nothing means nothing: never everything."""
    conditions = within(days.start_date, days.end_date)
    if ids is not None:
        conditions.append(any_of("id", ids))
    if type is not None:
        conditions.append(eq("type", type))
    if not conditions:
        raise InvalidParameter("ids", "say which: ids, type, startdate or enddate")
    return conditions


def within(start: datetime | None, end: datetime | None) -> list[Where]:
    since = [at_least("created", start)] if start else []
    return since + ([at_most("created", end)] if end else [])
