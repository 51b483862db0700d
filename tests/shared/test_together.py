"""Asks that leave together: who waits for whom, and whom a refusal reaches."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from shared.together import Together


class Carrier:
    """Stands for Postgres: keeps what came in one go, and waits until it is told to answer."""

    def __init__(self, *, at_once: int = 1, waits: bool = False) -> None:
        self.groups: list[list[int]] = []
        self.fails: dict[int, Exception] = {}
        self.go_on = asyncio.Event()
        self.under_way = asyncio.Event()
        self.together = Together(self.carry, at_once=at_once)
        if not waits:
            self.go_on.set()

    async def carry(self, asks: Sequence[int]) -> Sequence[str]:
        self.groups.append(list(asks))
        self.under_way.set()
        await self.go_on.wait()
        for ask in asks:
            if ask in self.fails:
                raise self.fails[ask]
        return [str(ask) for ask in asks]

    async def ask(self, *asks: int) -> list[str | BaseException]:
        asked = (self.together.ask(ask) for ask in asks)
        return await asyncio.gather(*asked, return_exceptions=True)


async def test_what_comes_while_others_are_under_way_leaves_with_the_next():
    carrier = Carrier(waits=True)
    first = asyncio.create_task(carrier.ask(1))
    await carrier.under_way.wait()
    others = asyncio.create_task(carrier.ask(2, 3, 4))
    await asyncio.sleep(0)

    carrier.go_on.set()

    assert [await first, await others] == [["1"], ["2", "3", "4"]]
    assert carrier.groups == [[1], [2, 3, 4]]


async def test_who_asks_alone_waits_for_nobody():
    carrier = Carrier()

    answers = [await carrier.ask(1), await carrier.ask(2)]

    assert answers == [["1"], ["2"]]
    assert carrier.groups == [[1], [2]]


async def test_a_refusal_reaches_its_own_caller_and_no_other():
    carrier = Carrier()
    refused = carrier.fails[3] = asyncpg.UniqueViolationError("one of them")

    answers = await carrier.ask(*range(8))

    assert answers == ["0", "1", "2", refused, "4", "5", "6", "7"]


@pytest.mark.parametrize(
    "passing", [asyncpg.ConnectionDoesNotExistError(), asyncpg.DeadlockDetectedError(), OSError()]
)
async def test_what_nobody_can_know_fails_all_and_is_not_tried_again(passing: Exception):
    carrier = Carrier()
    carrier.fails[1] = passing

    answers = await carrier.ask(0, 1, 2)
    after = await carrier.ask(5)

    assert answers == [passing] * 3
    assert after == ["5"]
    assert carrier.groups == [[0, 1, 2], [5]]


async def test_who_is_cancelled_while_waiting_is_not_carried():
    carrier = Carrier(waits=True)
    first = asyncio.create_task(carrier.ask(1))
    await carrier.under_way.wait()
    second, third = (asyncio.create_task(carrier.together.ask(ask)) for ask in (2, 3))
    await asyncio.sleep(0)

    second.cancel()
    carrier.go_on.set()

    assert (await first, await third) == (["1"], "3")
    assert second.cancelled()
    assert carrier.groups == [[1], [3]]


async def test_who_is_cancelled_under_way_stops_nobody_else():
    carrier = Carrier(waits=True)
    first, second = (asyncio.create_task(carrier.together.ask(ask)) for ask in (1, 2))
    await carrier.under_way.wait()

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    carrier.go_on.set()

    assert await second == "2"
    assert carrier.groups == [[1, 2]]


async def test_an_answer_that_is_missing_is_a_fault_and_leaves_nobody_waiting():
    async def carry(_asks: Sequence[int]) -> Sequence[str]:
        return []

    with pytest.raises(ValueError, match="shorter"):
        await asyncio.wait_for(Together(carry, at_once=1).ask(1), 5)
