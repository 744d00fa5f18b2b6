"""The committed protobuf stubs are those of the committed schema."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PROTO = Path(__file__).parents[2] / "proto"


def test_committed_stubs_are_current(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate", PROTO / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)

    generate.generate(tmp_path)

    fresh = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*_pb2.py*")}
    committed = {path.relative_to(PROTO): path.read_text() for path in PROTO.rglob("*_pb2.py*")}
    assert fresh == committed, "run: make proto"
