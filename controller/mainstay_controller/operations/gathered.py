"""Questions that come while the last ones are being answered are answered together.

So one asker alone waits for nobody, and a thousand at once cost the database little more than one.  Where answering many fails each is
answered alone, so that nobody's trouble is another's.  There is no task behind it: whoever comes first answers for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar, cast

Question = TypeVar("Question")
Answer = TypeVar("Answer")

TOGETHER_MAX = 200


@dataclass(eq=False, slots=True)
class Place(Generic[Question, Answer]):
    """One asker's, in the queue until it is answered."""

    question: Question
    answer: Answer | None = None
    error: Exception | None = None
    is_answered: bool = False


class Gathered(Generic[Question, Answer]):
    """`answer_all` returns an answer a question, in their order.  It may be asked the same again when it was broken off."""

    def __init__(
        self,
        answer_all: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]],
        together_max: int = TOGETHER_MAX,
    ) -> None:
        self._answer_all = answer_all
        self._together_max = together_max
        self._waiting: dict[Place[Question, Answer], None] = {}
        self._turn = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """How many have no answer yet."""
        return len(self._waiting)

    async def ask(self, question: Question) -> Answer:
        place: Place[Question, Answer] = Place(question)
        self._waiting[place] = None
        try:
            async with self._turn:
                if not place.is_answered:
                    await self._answer(list(islice(self._waiting, self._together_max)))
        finally:
            self._waiting.pop(place, None)
        if place.error is not None:
            raise place.error
        return cast(Answer, place.answer)

    async def _answer(self, places: Sequence[Place[Question, Answer]]) -> None:
        """Turns are taken in the order of coming, so that he whose turn it is stands first."""
        try:
            answers = await self._answer_all([place.question for place in places])
        except Exception as error:
            if len(places) == 1:
                self._settle(places[0], error=error)
                return
            for place in places:
                await self._answer([place])
            return
        for place, answer in zip(places, answers, strict=True):
            self._settle(place, answer=answer)

    def _settle(
        self, place: Place[Question, Answer], *, answer: Answer | None = None, error: Exception | None = None
    ) -> None:
        place.answer, place.error, place.is_answered = answer, error, True
        self._waiting.pop(place, None)
