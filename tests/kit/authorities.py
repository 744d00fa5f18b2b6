"""A cloud's certificate authority kept in a file, so that several parts and processes of a test share it."""

from __future__ import annotations

from pathlib import Path

from mainstay_controller.rpc.authority import Authority, new_ca
from mainstay_runtime.clock import Clock, Rng
from mainstay_runtime.identity import IdentityFile


def authority_in(path: Path, clock: Clock, rng: Rng) -> Authority:
    """A new one when there is none."""
    file = IdentityFile(path)
    ca = file.load()
    if ca is None:
        ca = new_ca(clock)
        file.save(ca)
    return Authority(ca=ca, clock=clock, rng=rng)
