"""Strangers are served at a bounded pace."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mainstay_controller.rpc.admission import Admission
from mainstay_controller.rpc.enrolment import Enrolment
from mainstay_controller.rpc.pace import Pace
from mainstay_proto.enrolment import EnrolRequest
from mainstay_proto.messages import Refused
from mainstay_runtime import identity
from tests.kit.authorities import authority_in
from tests.kit.enrolment_book import MemoryBook
from tests.kit.virtual_time import SeededRng, VirtualClock


async def test_guessing_tokens_is_slow_and_its_crowd_is_sent_away(tmp_path: Path) -> None:
    clock = VirtualClock()
    authority = authority_in(tmp_path / "ca.pem", clock, SeededRng())
    admission = Admission(clock, pace=Pace.fixed(2.0), burst=1, wait_max_seconds=1.0)
    enrolment = Enrolment(authority, MemoryBook(), admission)
    csr_pem = identity.signing_request(identity.new_key())

    replies = await asyncio.gather(*(enrolment.enrol(EnrolRequest(token=str(n), csr_pem=csr_pem)) for n in range(6)))

    codes = [reply.code for reply in replies if isinstance(reply, Refused)]
    assert codes == ["token-unknown"] * 3 + ["overloaded"] * 3
    assert clock.monotonic() == 1.0
