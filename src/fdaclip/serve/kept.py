"""What takes long is made once: for all who ask while it is made, and those who ask later."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Kept(Generic[Made]):
    """The last so many things that were made; what was not asked for longest goes first.

    Args:
        most: how many are kept.
        drop: is told what goes.
    """

    def __init__(self, most: int, drop: Callable[[Made], None] = lambda made: None) -> None:
        self._most, self._drop = most, drop
        self._made: OrderedDict[Hashable, asyncio.Task[Made]] = OrderedDict()

    async def get(self, name: Hashable, make: Callable[[], Awaitable[Made]]) -> Made:
        """What has this name; what ``make`` raises. What could not be made is not kept.

        It is made to its end, also if who asked first has left.
        """
        task = self._made.get(name)
        if task is None:
            task = self._made[name] = asyncio.create_task(_made(make))
            task.add_done_callback(lambda done: self._settle(name, done))
        self._made.move_to_end(name)
        return await asyncio.shield(task)

    def _settle(self, name: Hashable, task: asyncio.Task[Made]) -> None:
        if task.cancelled() or task.exception() is not None:
            if self._made.get(name) is task:
                del self._made[name]
            return
        finished = [key for key, one in self._made.items() if one.done()]
        for key in finished[: max(0, len(finished) - self._most)]:
            self._drop(self._made.pop(key).result())


async def _made(make: Callable[[], Awaitable[Made]]) -> Made:
    return await make()
