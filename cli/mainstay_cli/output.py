"""Answers as a person or a program reads them: a table, or JSON as it came."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from enum import StrEnum

from mainstay_cli.client import Json, Row, rows_in, text

FIRST_COLUMNS = (
    *("name", "displayname", "state", "resourcestate", "allocationstate", "phase", "level", "type", "description"),
    *("account", "zonename", "podname", "clustername", "hostname", "ipaddress", "hypervisor", "hypervisortype"),
    *(
        "serviceofferingname",
        "templatename",
        "haenable",
        "offerha",
        "cpunumber",
        "cpuspeed",
        "memory",
        "memoryallocatedpercentage",
    ),
    *(
        "cpuallocatedpercentage",
        "hosttags",
        "scope",
        "path",
        "size",
        "disksizetotal",
        "value",
        "cmd",
        "jobstatus",
        "sent",
        "created",
        "id",
    ),
)
"""What of a row people look for, in this order, as far as the terminal is wide."""
GAP = "  "


class Style(StrEnum):
    TABLE = "table"
    JSON = "json"


def written(body: Row, style: Style, columns: Sequence[str] = ()) -> str:
    if style is Style.JSON:
        return json.dumps(body, indent=2)
    rows = rows_in(body)
    if rows:
        return table(rows, columns or _columns_that_fit(rows))
    return _as_sheet(body)


def table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    cells = [[column.upper() for column in columns], *([_cell(row, column) for column in columns] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    return "\n".join(
        GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _columns_that_fit(rows: Sequence[Row]) -> list[str]:
    width = shutil.get_terminal_size((140, 24)).columns
    chosen: list[str] = []
    for column in FIRST_COLUMNS:
        if not any(text(row, column) for row in rows):
            continue
        needed = max(len(column), *(len(_cell(row, column)) for row in rows)) + len(GAP)
        if needed <= width:
            chosen.append(column)
            width -= needed
    return chosen or list(rows[0])


def _as_sheet(body: Row) -> str:
    """One thing, a field a line; an empty list says so."""
    if not body:
        return "(none)"
    only = next(iter(body.values()))
    thing: Row = only if len(body) == 1 and isinstance(only, dict) else body
    width = max((len(key) for key in thing), default=0)
    return "\n".join(f"{key.ljust(width)}  {_plain(value)}" for key, value in thing.items())


def _cell(row: Row, column: str) -> str:
    return _plain(row.get(column))


def _plain(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
