"""Places at the desk, and batches of those who ask at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from fdaclip.serve.guard import Refused
from fdaclip.serve.load import Desk, Together


def test_who_finds_no_place_is_asked_to_come_back() -> None:
    async def scene() -> list[str]:
        desk, leave, log = Desk(1, 1, patience=5), asyncio.Event(), []

        async def visit(name: str) -> None:
            try:
                async with desk.place():
                    log.append(f"{name} served")
                    await leave.wait()
            except Refused as refused:
                log.append(f"{name} {refused.status}")

        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(visit(name))
                await asyncio.sleep(0.02)
            leave.set()
        assert desk.present == 0
        desk.closing = True
        await visit("d")
        return log

    assert asyncio.run(scene()) == ["a served", "c 503", "b served", "d 503"]


def test_who_waits_too_long_gives_up_and_frees_the_line() -> None:
    async def scene() -> int:
        desk = Desk(1, 1, patience=0.01)
        async with desk.place():
            with pytest.raises(Refused):
                async with desk.place():
                    pass
        async with desk.place():
            return desk.present

    assert asyncio.run(scene()) == 1


def test_those_who_ask_meanwhile_are_answered_together() -> None:
    batches: list[list[int]] = []
    gate = threading.Event()

    def double(numbers: Sequence[int]) -> list[int]:
        batches.append(list(numbers))
        gate.wait(5)
        return [2 * number for number in numbers]

    async def scene() -> list[int]:
        together = Together(double, most=3)
        tasks = [asyncio.create_task(together.ask(0))]
        await asyncio.sleep(0.05)
        tasks += [asyncio.create_task(together.ask(number)) for number in (1, 2, 2, 3, 4)]
        await asyncio.sleep(0.05)
        gate.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(scene()) == [0, 2, 4, 4, 6, 8]
    assert batches == [[0], [1, 2, 3], [4]]


def test_one_bad_question_does_not_spoil_the_others() -> None:
    gate = threading.Event()

    def inverse(numbers: Sequence[int]) -> list[float]:
        gate.wait(5)
        return [1 / number for number in numbers]

    async def scene() -> list[object]:
        together = Together(inverse)
        tasks = [asyncio.create_task(together.ask(number)) for number in (8, 0, 2)]
        await asyncio.sleep(0.05)
        gate.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    first, second, third = asyncio.run(scene())
    assert (first, third) == (1 / 8, 1 / 2) and isinstance(second, ZeroDivisionError)


def test_a_client_that_leaves_takes_no_other_with_it() -> None:
    gate = threading.Event()

    def same(numbers: Sequence[int]) -> list[int]:
        gate.wait(5)
        return list(numbers)

    async def scene() -> int:
        together = Together(same)
        leaving = asyncio.create_task(together.ask(7))
        staying = asyncio.create_task(together.ask(7))
        await asyncio.sleep(0.05)
        leaving.cancel()
        gate.set()
        return await staying

    assert asyncio.run(scene()) == 7
