"""Kept: made once, for all; what failed is made again; the oldest goes."""

from __future__ import annotations

import asyncio

import pytest

from fdaclip.serve.kept import Kept


def test_those_who_ask_meanwhile_share_it() -> None:
    made: list[str] = []

    async def make() -> int:
        made.append("once")
        await asyncio.sleep(0.01)
        return 7

    async def run() -> list[int]:
        kept = Kept[int](2)
        first = await asyncio.gather(*(kept.get("a", make) for _ in range(5)))
        return [*first, await kept.get("a", make)]

    assert asyncio.run(run()) == [7] * 6 and made == ["once"]


def test_who_leaves_does_not_stop_it() -> None:
    async def make() -> int:
        await asyncio.sleep(0.02)
        return 1

    async def never() -> int:
        raise AssertionError("it is there")

    async def run() -> int:
        kept = Kept[int](2)
        asking = asyncio.create_task(kept.get("a", make))
        await asyncio.sleep(0)
        asking.cancel()
        return await kept.get("a", never)

    assert asyncio.run(run()) == 1


def test_what_failed_is_made_again_and_the_oldest_goes() -> None:
    dropped: list[int] = []

    async def run() -> None:
        kept = Kept[int](2, dropped.append)

        async def fail() -> int:
            raise ValueError("no")

        async def make(number: int) -> int:
            return number

        with pytest.raises(ValueError, match="no"):
            await kept.get(1, fail)
        for number in (1, 2, 1, 3):
            assert await kept.get(number, lambda n=number: make(n)) == number  # type: ignore[misc]
        await asyncio.sleep(0)

    asyncio.run(run())
    assert dropped == [2]
