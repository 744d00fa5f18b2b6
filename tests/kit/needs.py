"""What a test needs from the machine: missing parts skip it at a desk and fail it on CI, so that nothing is left out unnoticed.

def test_a_real_guest_boots() -> None:
    needs("root", "libvirtd", "qemu-system-x86_64", "python:libvirt")
"""

from __future__ import annotations

import importlib.util
import os
import shutil

import pytest

SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def needs(*parts: str) -> None:
    """`root`, `python:MODULE`, an absolute path, or the name of a program."""
    missing = [part for part in parts if not is_there(part)]
    if not missing:
        return
    reason = f"missing here: {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def is_there(part: str) -> bool:
    if part == "root":
        return os.geteuid() == 0
    if part.startswith("python:"):
        return importlib.util.find_spec(part.removeprefix("python:")) is not None
    if part.startswith("/"):
        return os.path.exists(part)
    return shutil.which(part, path=SYSTEM_PATH) is not None
