"""What the agent asks of the machine it runs on: a ping, and a file that survives it."""

from __future__ import annotations

from pathlib import Path

from mainstay_agent.host.ping import HEADER, IcmpPinger, echo_request, is_reply_to
from mainstay_agent.host.state_file import StateFile

IP_HEADER = bytes([0x45]) + bytes(19)


def test_only_the_answer_to_our_own_question_counts() -> None:
    reply = IP_HEADER + HEADER.pack(0, 0, 0, 7, 1)
    somebody_elses = IP_HEADER + HEADER.pack(0, 0, 0, 8, 1)
    the_question = IP_HEADER + HEADER.pack(8, 0, 0, 7, 1)

    heard = [is_reply_to(packet, 7) for packet in (reply, somebody_elses, the_question, b"", b"\x45")]

    assert heard == [True, False, False, False, False]


def test_the_checksum_makes_the_words_add_up() -> None:
    words = echo_request(0x1234, 5)

    total = sum(int.from_bytes(words[at : at + 2], "big") for at in range(0, len(words), 2))

    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


async def test_this_machine_answers_itself_or_may_not_be_asked() -> None:
    assert await IcmpPinger().ping("127.0.0.1", 2.0) in (True, None)


async def test_an_address_that_cannot_be_asked_is_unknown() -> None:
    assert await IcmpPinger().ping("::1", 0.5) is None


def test_what_was_saved_is_there_for_the_next_process_and_for_nobody_else(tmp_path: Path) -> None:
    StateFile(tmp_path / "agent.state").save(b"one")
    StateFile(tmp_path / "agent.state").save(b"two")

    assert StateFile(tmp_path / "agent.state").load() == b"two"
    assert (tmp_path / "agent.state").stat().st_mode & 0o077 == 0


def test_before_anything_was_saved_there_is_nothing(tmp_path: Path) -> None:
    assert StateFile(tmp_path / "agent.state").load() is None
