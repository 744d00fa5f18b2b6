"""docs/reference says what the command table and the settings say."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

WRITER = Path(__file__).parents[3] / "packaging" / "write_reference.py"


def test_the_reference_is_current() -> None:
    spec = spec_from_file_location("write_reference", WRITER)
    assert spec is not None
    assert spec.loader is not None
    writer = module_from_spec(spec)
    spec.loader.exec_module(writer)

    for path, text in writer.pages().items():
        assert path.read_text() == text, "run: python packaging/write_reference.py"
