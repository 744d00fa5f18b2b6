"""The committed protobuf stubs are those of the committed schema."""

from __future__ import annotations

import importlib.util
from pathlib import Path

HOUSE = Path(__file__).parents[2]
PROTO = HOUSE / "proto"


def test_committed_stubs_are_current(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("make_proto", HOUSE / "packaging" / "make_proto.py")
    assert spec is not None
    assert spec.loader is not None
    make_proto = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_proto)

    make_proto.generate(tmp_path)

    fresh = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*_pb2.py*")}
    committed = {path.relative_to(PROTO): path.read_text() for path in PROTO.rglob("*_pb2.py*")}
    assert fresh == committed, "run: make proto"
