"""docs/api.md and docs/settings.md show what the tables say now."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_references_are_current() -> None:
    spec = spec_from_file_location("write_reference", ROOT / "packaging" / "write_reference.py")
    assert spec is not None
    assert spec.loader is not None
    write_reference = module_from_spec(spec)
    spec.loader.exec_module(write_reference)

    for path, text in write_reference.references().items():
        assert path.read_text() == text, "run: python packaging/write_reference.py"
