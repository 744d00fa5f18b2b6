"""Which waiting job may be taken: the head of each line, unless somebody alive has the line in hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mainstay_controller.domain.ids import AccountId, ControllerId, JobId, UserId
from mainstay_controller.domain.jobs import (
    POSTPONED_SECONDS_MAX,
    Cancelled,
    Ending,
    Failed,
    Postponed,
    Succeeded,
    Workers,
    after,
    has_rival,
    lives,
    takeable,
)
from mainstay_controller.domain.records import Controller, Job
from mainstay_controller.domain.states import JobState
from tests.kit.virtual_time import BEGINNING

ME, OTHER = ControllerId("me"), ControllerId("other")
NOW = BEGINNING + timedelta(hours=1)


def a_job(name: str, **other: Any) -> Job:
    ordinary = Job(
        id=JobId(name), command="work", created=BEGINNING, account_id=AccountId("ann"), user_id=UserId("ann")
    )
    return replace(ordinary, **other)


def workers(*in_hand: str, alive: dict[ControllerId, int] | None = None) -> Workers:
    return Workers(alive={OTHER: 2} if alive is None else alive, me=ME, in_hand={JobId(name) for name in in_hand})


def taken(*jobs: Job, by: Workers | None = None) -> list[str]:
    return [job.id for job in takeable(jobs, by or workers(), NOW)]


def test_the_oldest_of_each_line_is_taken() -> None:
    assert taken(a_job("a1", serial_key="a"), a_job("b1", serial_key="b"), a_job("a2", serial_key="a")) == ["a1", "b1"]


def test_jobs_without_a_line_wait_for_nobody() -> None:
    assert taken(a_job("one"), a_job("two")) == ["one", "two"]


def test_a_line_in_a_living_controller_s_hands_is_left_alone_whichever_of_its_jobs_he_has() -> None:
    younger_in_hand = a_job("a2", serial_key="a", owner_id=OTHER, owner_epoch=2)

    assert taken(a_job("a1", serial_key="a"), younger_in_hand) == []


def test_what_an_earlier_life_of_a_controller_had_in_hand_is_taken() -> None:
    assert taken(a_job("a1", owner_id=OTHER, owner_epoch=1)) == ["a1"]


def test_what_a_dead_controller_had_in_hand_is_taken() -> None:
    assert taken(a_job("a1", owner_id=OTHER, owner_epoch=2), by=workers(alive={})) == ["a1"]


def test_what_i_own_and_dropped_is_taken_again() -> None:
    mine = a_job("a1", owner_id=ME, owner_epoch=7)

    assert taken(mine) == ["a1"]
    assert taken(mine, by=workers("a1")) == []


def test_what_is_still_in_my_hand_is_not_taken_a_second_time_whoever_owned_it_since() -> None:
    went_to_one_who_died = a_job("a1", owner_id=OTHER, owner_epoch=2)
    let_go = a_job("b1")

    assert taken(went_to_one_who_died, let_go, by=workers("a1", "b1", alive={})) == []


def test_a_postponed_job_holds_up_its_line_until_its_time() -> None:
    later = a_job("a1", serial_key="a", not_before=NOW + timedelta(seconds=1))

    assert taken(later, a_job("a2", serial_key="a")) == []
    assert taken(replace(later, not_before=NOW), a_job("a2", serial_key="a")) == ["a1"]


def test_two_who_took_jobs_of_one_line_both_see_a_rival() -> None:
    mine = a_job("a1", serial_key="a", owner_id=ME, owner_epoch=1)
    his = a_job("a2", serial_key="a", owner_id=OTHER, owner_epoch=2)

    assert has_rival(mine, [mine, his], workers())
    assert has_rival(his, [mine, his], Workers(alive={ME: 1}, me=OTHER, in_hand=set()))
    assert not has_rival(mine, [mine, replace(his, serial_key="b")], workers())


def test_a_controller_lives_until_its_membership_runs_out() -> None:
    def a_controller(id: ControllerId, seconds: int) -> Controller:
        expires = NOW + timedelta(seconds=seconds)
        return Controller(id=id, name=id, address="", created=BEGINNING, expires=expires, epoch=3)

    assert lives([a_controller(ME, 1), a_controller(OTHER, 0)], NOW) == {ME: 3}


endings = st.one_of(
    st.builds(Succeeded),
    st.builds(Failed, errorcode=st.just(530), text=st.text()),
    st.builds(Cancelled, text=st.text()),
    st.builds(Postponed, reason=st.text(min_size=1)),
)


@given(endings, st.integers(0, 50))
def test_every_ending_gives_the_job_away(ending: Ending, attempts: int) -> None:
    job = after(a_job("a", owner_id=ME, owner_epoch=1, attempts=attempts), ending, NOW)

    assert job.owner_id is None
    assert (job.state is JobState.PENDING) == isinstance(ending, Postponed)
    assert (job.completed is None) == isinstance(ending, Postponed)


@given(st.integers(0, 100_000))
def test_the_pause_before_another_try_grows_to_a_minute(attempts: int) -> None:
    job = after(a_job("a", attempts=attempts), Postponed(reason="away"), NOW)

    assert job.not_before is not None
    assert timedelta(0) < job.not_before - NOW <= timedelta(seconds=POSTPONED_SECONDS_MAX)
