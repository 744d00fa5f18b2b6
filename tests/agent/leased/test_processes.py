"""Guests are found, shot and shown gone by the process table."""

from __future__ import annotations

from pathlib import Path

from mainstay_agent.leased.processes import ProcessKiller, state_in, uuid_in
from tests.kit.daemons import a_daemon_host, until
from tests.kit.leases import an_entry

VM = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"


async def test_a_guest_is_shot_and_gone_and_another_one_lives_on(tmp_path: Path) -> None:
    killer = ProcessKiller("pretended")
    async with a_daemon_host(tmp_path / "h0", tmp_path) as host, host.guest(VM) as guest, host.guest(OTHER) as other:
        await killer.kill(())  # looks at everybody and shoots nobody
        first = await killer.kill((an_entry(VM),))
        await guest.wait()

        async def is_gone() -> bool:
            return await killer.kill((an_entry(VM),)) == (an_entry(VM),)

        await until(is_gone)
        assert first == ()
        assert guest.returncode == -9
        assert other.returncode is None


def a_process(proc: Path, pid: int, cmdline: str, *states: str) -> None:
    for thread, state in enumerate(states):
        task = proc / str(pid) / "task" / str(pid + thread)
        task.mkdir(parents=True)
        (task / "stat").write_text(f"{pid + thread} (CPU 0/KVM) x) {state} 1 1")
    (proc / str(pid) / "comm").write_text("qemu-system-x86\n")
    (proc / str(pid) / "cmdline").write_text(cmdline)


def test_as_long_as_an_emulator_dies_in_the_kernel_nobody_counts_as_gone(tmp_path: Path) -> None:
    a_process(tmp_path, 4_000_001, "", "Z", "D")

    assert ProcessKiller(proc=tmp_path).sweep((an_entry(VM),)) == ()


def test_an_emulator_that_only_waits_to_be_reaped_is_gone(tmp_path: Path) -> None:
    a_process(tmp_path, 4_000_001, "", "Z", "X")

    assert ProcessKiller(proc=tmp_path).sweep((an_entry(VM),)) == (an_entry(VM),)


def test_the_guest_is_named_by_the_argument_after_its_option() -> None:
    assert uuid_in("qemu\0-name\0guest=x\0-uuid\0ABC-1\0") == "abc-1"
    assert uuid_in("qemu\0-S\0") is None
    assert uuid_in("qemu\0-uuid") is None
    assert uuid_in("") is None


def test_the_state_of_a_thread_stands_after_its_name_whatever_that_holds() -> None:
    assert state_in("12 (a) D (b)) S 1 2") == "S"
    assert state_in("") == "X"
