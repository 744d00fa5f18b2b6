"""docs/states shows what the tables say now."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_drawings_are_current() -> None:
    spec = spec_from_file_location("draw_states", ROOT / "packaging" / "draw_states.py")
    assert spec is not None
    assert spec.loader is not None
    draw_states = module_from_spec(spec)
    spec.loader.exec_module(draw_states)

    for path, text in draw_states.drawings().items():
        assert path.read_text() == text, "run: python packaging/draw_states.py"
