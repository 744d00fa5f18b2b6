"""Draws docs/states from the state tables: `python packaging/draw_states.py`.  A test holds them to be current."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from mainstay_controller.domain.lifecycle import host, incident, resource, vm

STATES = Path(__file__).parent.parent / "docs" / "states"
TABLES: dict[str, tuple[str, Mapping[tuple[StrEnum, StrEnum], StrEnum]]] = {
    "host": ("Connection status of a host", host.TRANSITIONS),
    "host-resource": ("What the operator wants of a host", resource.TRANSITIONS),
    "vm": ("Virtual machine", vm.TRANSITIONS),
    "incident": ("Incident", incident.TRANSITIONS),
}


def drawing(title: str, table: Mapping[tuple[StrEnum, StrEnum], StrEnum]) -> str:
    """Mermaid; events that lead from one state to the same other share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, event), to in table.items():
        arrows.setdefault((state, to), []).append(event)
    lines = [f"    {state} --> {to}: {', '.join(events)}" for (state, to), events in arrows.items()]
    return "\n".join([f"# {title}", "", "```mermaid", "stateDiagram-v2", *lines, "```", ""])


def drawings() -> dict[Path, str]:
    return {STATES / f"{name}.md": drawing(title, table) for name, (title, table) in TABLES.items()}


if __name__ == "__main__":
    STATES.mkdir(parents=True, exist_ok=True)
    for path, text in drawings().items():
        path.write_text(text)
