"""How much at once: places at the desk, one pass of the encoder for many, threads that give way."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from .guard import Refused

LOWER = 10  # steps of priority
Asked = TypeVar("Asked", bound=Hashable)
Answer = TypeVar("Answer")


class Desk:
    """So many are served at a time, so many may wait; who comes then is asked to come back.

    Args:
        served: requests at work. waiting: requests in line. patience: s until one in line gives up.
    """

    def __init__(self, served: int, waiting: int, patience: float) -> None:
        self._places = asyncio.Semaphore(served)
        self._most, self._patience = served + waiting, patience
        self.present = 0  # served or in line
        self.closing = False

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            Refused: 503, all are taken, or the server is about to end.
        """
        if self.closing or self.present >= self._most:
            raise busy()
        self.present += 1
        try:
            try:
                await asyncio.wait_for(self._places.acquire(), self._patience)
            except TimeoutError:
                raise busy() from None
            try:
                yield
            finally:
                self._places.release()
        finally:
            self.present -= 1


def give_way() -> None:
    """This thread, and the processes that it starts, leave the processor to those who search."""
    if sys.platform == "linux":  # elsewhere it would be the whole server
        os.nice(LOWER)


def busy() -> Refused:
    """Come back in a second."""
    return Refused(503, "busy", "too many are asking at once", "ask again in a second")


class Together(Generic[Asked, Answer]):
    """Collects what is asked while the last batch is at work, and answers it in one go.

    Nobody waits for company: a request that comes when nothing is at work is a batch of its own.

    Args:
        work: answers several, in their order; runs in a thread. Equal ones are asked once.
        most: in one batch.
    """

    def __init__(self, work: Callable[[Sequence[Asked]], Sequence[Answer]], most: int = 32) -> None:
        self._work, self._most = work, most
        self._waiting: dict[Asked, asyncio.Future[Answer]] = {}
        self._running: asyncio.Task[None] | None = None
        self.batches = self.answered = 0

    async def ask(self, question: Asked) -> Answer:
        """The answer; what ``work`` raises."""
        future = self._waiting.get(question)
        if future is None:
            future = self._waiting[question] = asyncio.get_running_loop().create_future()
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await asyncio.shield(future)  # another may wait for the same

    async def _run(self) -> None:
        while self._waiting:
            batch = {
                question: self._waiting.pop(question)
                for question in list(self._waiting)[: self._most]
            }
            self.batches += 1
            self.answered += len(batch)
            try:
                answers = await asyncio.to_thread(self._work, list(batch))
            except Exception as error:
                await self._one_by_one(batch, error)
            else:
                for future, answer in zip(batch.values(), answers, strict=True):
                    _settle(future, answer)

    async def _one_by_one(
        self, batch: dict[Asked, asyncio.Future[Answer]], error: Exception
    ) -> None:
        """One of them was bad: the others get their answers all the same."""
        for question, future in batch.items():
            if len(batch) > 1:
                try:
                    (answer,) = await asyncio.to_thread(self._work, [question])
                    _settle(future, answer)
                    continue
                except Exception as own:
                    error = own
            if not future.done():
                future.set_exception(error)


def _settle(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
