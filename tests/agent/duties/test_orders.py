"""Orders: carried out once, answered always, and never against a lease or a newer epoch."""

from __future__ import annotations

import asyncio

from mainstay_agent.drivers.simulated.host import StorageCondition
from mainstay_agent.lease.bounds import FAST
from mainstay_proto.messages import (
    CommandResult,
    ForgetGuest,
    GuestState,
    KernelBoot,
    PoolGeneration,
    RunState,
    StartGuest,
    StopCause,
    StopGuest,
    Tenure,
)
from tests.kit.simulated_hosts import POOL, a_guest, a_site


async def test_a_guest_starts_and_is_told_running() -> None:
    async with a_site() as site:
        result = await site.start("h1")

        assert result.state is RunState.DONE
        assert site.end().state() is GuestState.RUNNING


async def test_a_command_sent_again_is_answered_and_not_repeated() -> None:
    async with a_site() as site:
        first = await site.order("h1", StartGuest(spec=a_guest()), id="same")
        site.world.shut_down_guest("vm1")
        await asyncio.sleep(1)

        second = await site.order("h1", StartGuest(spec=a_guest()), id="same")

        assert second == first
        assert site.end().state() is GuestState.STOPPED


async def test_a_command_sent_again_after_an_agent_restart_is_answered_and_not_repeated() -> None:
    async with a_site() as site:
        first = await site.order("h1", StartGuest(spec=a_guest()), id="same")
        await site.stop_agent("h1")
        await site.start_agent("h1")

        second = await site.order("h1", StartGuest(spec=a_guest()), id="same")

        assert second == first


async def test_an_order_of_an_older_epoch_is_refused() -> None:
    async with a_site() as site:
        await site.start("h1", a_guest(epoch=5))

        start = await site.start("h1", a_guest(epoch=4))
        stop = await site.order("h1", StopGuest(vm_id="vm1", epoch=4, forced=True))

        assert (start.state, start.code) == (RunState.REFUSED, "stale-epoch")
        assert (stop.state, stop.code) == (RunState.REFUSED, "stale-epoch")
        assert site.end().state() is GuestState.RUNNING


async def test_a_newer_order_ends_the_older_copy_first() -> None:
    async with a_site() as site:
        await site.start("h1", a_guest(epoch=1))

        result = await site.start("h1", a_guest(epoch=2))

        assert result.state is RunState.DONE
        assert site.end().guests()["vm1"].epoch == 2


async def test_without_a_lease_nothing_starts() -> None:
    async with a_site() as site:
        site.world.hosts["h1"].set_storage(StorageCondition.HANGS)
        await asyncio.sleep(30)

        result = await site.start("h1")

        assert (result.state, result.code) == (RunState.REFUSED, "no-lease")


async def test_an_order_that_lay_about_while_the_host_booted_is_refused() -> None:
    async with a_site() as site:
        [lease] = await site.areas["h1"].leases()
        now = PoolGeneration(pool_id=POOL, generation=lease.generation)
        before = PoolGeneration(pool_id=POOL, generation=lease.generation - 1)

        of_another_boot = await site.order("h1", StartGuest(spec=a_guest(), tenure=Tenure(boot_id="earlier")))
        of_another_lease = await site.order(
            "h1", StartGuest(spec=a_guest(), tenure=Tenure(boot_id="h1-boot-1", generations=(before,)))
        )
        of_now = await site.order(
            "h1", StartGuest(spec=a_guest(), tenure=Tenure(boot_id="h1-boot-1", generations=(now,)))
        )

        assert of_another_boot.code == "superseded-boot"
        assert of_another_lease.code == "superseded-lease"
        assert of_now.state is RunState.DONE


async def test_epoch_and_host_are_written_into_the_kernel_arguments() -> None:
    async with a_site() as site:
        kernel = KernelBoot(kernel="/k", initrd="/i", arguments="lab.epoch={epoch} lab.host={host}")

        await site.start("h1", a_guest(epoch=7, kernel=kernel))

        running = site.world.hosts["h1"].living("vm1")
        assert running is not None
        assert running.spec.kernel is not None
        assert running.spec.kernel.arguments == "lab.epoch=7 lab.host=h1"


async def test_a_stopped_guest_stays_stopped_whoever_says_it_crashed() -> None:
    async with a_site() as site:
        await site.start("h1")
        await asyncio.sleep(5)

        result = await site.order("h1", StopGuest(vm_id="vm1", epoch=1))
        await asyncio.sleep(60)

        assert result.state is RunState.DONE
        assert site.end().guests()["vm1"].cause is StopCause.ORDERED
        assert site.world.writers("vm1") == ()


async def test_a_guest_that_does_not_obey_is_said_so() -> None:
    async with a_site() as site:
        await site.start("h1")
        site.world.hang_guest("vm1")

        result = await site.order("h1", StopGuest(vm_id="vm1", epoch=1, grace_seconds=3))

        assert (result.state, result.code) == (RunState.FAILED, "grace-over")
        assert site.end().state() is GuestState.RUNNING


async def test_a_repeated_start_that_cannot_be_judged_while_the_first_is_in_flight_is_unknown_and_not_refused() -> None:
    async with a_site() as site:
        await site.send("h1", StartGuest(spec=a_guest()), deadline_seconds=2)
        await asyncio.sleep(0.05)
        site.world.hosts["h1"].hang_daemon()
        await asyncio.sleep(5)

        again = await site.order("h1", StartGuest(spec=a_guest()), deadline_seconds=30)

        assert (again.state, again.code) == (RunState.UNKNOWN, "hypervisor-silent")


async def test_a_guest_that_was_forgotten_is_promised_gone() -> None:
    async with a_site() as site:
        await site.start("h1")
        running = await site.order("h1", ForgetGuest(vm_id="vm1", epoch=1))
        site.world.shut_down_guest("vm1")
        await asyncio.sleep(1)

        forgotten = await site.order("h1", ForgetGuest(vm_id="vm1", epoch=1))
        again = await site.start("h1", a_guest(epoch=1))

        assert (running.state, running.code) == (RunState.REFUSED, "running")
        assert forgotten.state is RunState.DONE
        assert site.end().guests() == {}
        assert (again.state, again.code) == (RunState.REFUSED, "no-authority")


async def test_a_guest_that_was_never_here_is_forgotten_all_the_same() -> None:
    async with a_site() as site:
        forgotten = await site.order("h1", ForgetGuest(vm_id="vm1", epoch=4))
        late = await site.start("h1", a_guest(epoch=4))

        assert forgotten.state is RunState.DONE
        assert late.state is RunState.REFUSED


async def test_a_crash_and_an_order_to_forget_leave_no_room_for_a_restart() -> None:
    async with a_site() as site:
        await site.start("h1")
        forget = await site.send("h1", ForgetGuest(vm_id="vm1", epoch=1))
        site.world.crash_guest("vm1")
        await asyncio.sleep(30)

        [told] = [result for result in site.end().all(CommandResult) if result.command_id == forget]
        runs = site.world.writers("vm1") != ()
        assert runs is (told.state is RunState.REFUSED)


async def test_a_guest_that_ended_while_its_storage_hung_is_promised_gone_only_when_storage_answers_again() -> None:
    async with a_site() as site:
        await site.start("h1")
        site.world.hosts["h1"].set_storage(StorageCondition.HANGS, POOL)
        await asyncio.sleep(6)
        assert site.end().state() is GuestState.STOPPED

        meanwhile = await site.order("h1", ForgetGuest(vm_id="vm1", epoch=1))
        site.world.hosts["h1"].set_storage(StorageCondition.OK, POOL)
        afterwards = await site.order("h1", ForgetGuest(vm_id="vm1", epoch=1))

        assert (meanwhile.state, meanwhile.code) == (RunState.UNKNOWN, "storage-silent")
        assert afterwards.state is RunState.DONE


async def test_a_guest_destroyed_on_storage_that_has_just_begun_to_hang_is_not_promised_gone() -> None:
    async with a_site() as site:
        await site.start("h1")
        site.world.hosts["h1"].set_storage(StorageCondition.HANGS, POOL)

        result = await site.order("h1", StopGuest(vm_id="vm1", epoch=1, forced=True))

        assert (result.state, result.code) == (RunState.UNKNOWN, "storage-silent")
        assert site.world.hosts["h1"].living("vm1") is None


async def test_no_word_is_given_of_a_guest_on_hung_storage_before_delta_has_passed() -> None:
    async with a_site() as site:
        await site.start("h1")
        site.world.hosts["h1"].set_storage(StorageCondition.HANGS, POOL)

        result = await site.order("h1", StopGuest(vm_id="vm1", epoch=1, forced=True), deadline_seconds=1)

        assert (result.state, result.code) == (RunState.UNKNOWN, "deadline")


async def test_a_guest_whose_storage_answers_is_promised_gone_with_the_first_renewal_after_delta() -> None:
    """Also where nothing seems to be amiss: a way that was gone between two renewals was gone unseen."""
    async with a_site() as site:
        await site.start("h1")
        asked_at = site.clock.monotonic()

        result = await site.order("h1", StopGuest(vm_id="vm1", epoch=1, forced=True))

        assert result.state is RunState.DONE
        waited_seconds = site.clock.monotonic() - asked_at
        assert FAST.late_io_seconds < waited_seconds < FAST.late_io_seconds + FAST.renew_seconds + FAST.poll_seconds
