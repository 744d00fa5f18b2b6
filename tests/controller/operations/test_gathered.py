"""Those who ask in the same moment are answered together, and nobody's trouble is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mainstay_controller.operations.gathered import Gathered
from mainstay_runtime.tasks import all_of


class Desk:
    """Doubles numbers, slowly; has no answer where there is a negative one."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.gathered = Gathered(self.answer_all)

    async def answer_all(self, questions: Sequence[int]) -> list[int]:
        self.rounds.append(list(questions))
        await asyncio.sleep(1)
        if min(questions) < 0:
            raise ValueError(f"{min(questions)} is negative")
        return [2 * question for question in questions]

    async def ask(self, question: int) -> int | str:
        try:
            return await self.gathered.ask(question)
        except ValueError as error:
            return str(error)


async def test_what_is_asked_meanwhile_is_one_round() -> None:
    desk = Desk()

    answers = await all_of(*(desk.ask(question) for question in range(5)))

    assert answers == [0, 2, 4, 6, 8]
    assert desk.rounds == [[0], [1, 2, 3, 4]]


async def test_where_a_round_fails_each_is_answered_alone() -> None:
    desk = Desk()

    answers = await all_of(desk.ask(1), desk.ask(-2), desk.ask(3))

    assert answers == [2, "-2 is negative", 6]


async def test_one_who_leaves_while_he_asks_for_all_leaves_nobody_without_an_answer() -> None:
    desk = Desk()

    async def impatient() -> str:
        try:
            async with asyncio.timeout(1.5):
                return str(await desk.ask(1))
        except TimeoutError:
            return "left"

    answers = await all_of(desk.ask(6), impatient(), desk.ask(7), desk.ask(8))

    assert answers == [12, "left", 14, 16]
    assert desk.rounds == [[6], [1, 7, 8], [7, 8]]
    assert desk.gathered.waiting == 0
