"""Regenerate the committed protobuf stubs: `make proto`.

Services need no stubs of their own: they are called by name with the codec as serialiser."""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parents[1] / "proto"
SCHEMAS = ("mainstay_proto/agent/v1/agent.proto",)


def generate(into: Path) -> None:
    """Write *_pb2.py and *_pb2.pyi of every schema below `into`."""
    mypy_plugin = Path(sys.executable).with_name("protoc-gen-mypy")
    arguments = [f"--plugin={mypy_plugin}", f"--proto_path={ROOT}", f"--python_out={into}", f"--mypy_out=quiet:{into}"]
    if protoc.main(["protoc", *arguments, *SCHEMAS]):
        sys.exit("protoc failed")


if __name__ == "__main__":
    generate(ROOT)
