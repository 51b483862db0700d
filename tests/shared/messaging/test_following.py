"""A cache in a process sees each event from the time it was built, or is built again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy.local import nats
from deploy.local.nats import EPHEMERAL_SLOTS
from shared.events.envelope import STREAM, Envelope
from shared.messaging.broker import Broker
from shared.messaging.following import SLOTS, follow
from tests.shared.messaging.world import World, running
from tests.suite import eventually

SUBJECTS = ("events.filing.>",)


@dataclass
class Cache:
    """What a follower keeps: resets, and the events since the last."""

    resets: int = 0
    seen: list[tuple[str, int]] = field(default_factory=list)

    async def reset(self) -> None:
        self.resets += 1
        self.seen.clear()

    async def event(self, envelope: Envelope[Any]) -> None:
        self.seen.append((envelope.subject, envelope.sequence))

    async def has(self, count: int) -> bool:
        return len(self.seen) >= count


@asynccontextmanager
async def following(broker: Broker, cache: Cache) -> AsyncIterator[None]:
    task = asyncio.create_task(
        follow(
            broker,
            service="catalog",
            subjects=SUBJECTS,
            on_event=cache.event,
            on_reset=cache.reset,
        )
    )
    try:
        yield
    finally:
        task.cancel()
        [outcome] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError), outcome


def test_there_are_as_many_names_as_the_services_user_may_use():
    assert SLOTS == EPHEMERAL_SLOTS


async def test_each_process_sees_every_event_from_its_start_in_order(world: World):
    relay = world.relay(await world.connected("filing"))
    one, two = Cache(), Cache()
    async with running(relay):
        await world.tell("p0", "before")
        await eventually(
            lambda: world.sql("filing", "select 1 from outbox having count(sent_at) = 1")
        )
        first, second = await world.connected("catalog"), await world.connected("catalog")
        async with following(first, one), following(second, two):
            await eventually(lambda: _reset(one, 1))
            await eventually(lambda: _reset(two, 1))
            await world.tell("p1", *(str(n) for n in range(300)))
            await eventually(lambda: one.has(300))
            await eventually(lambda: two.has(300))

    assert one.seen == two.seen == [("p1", n) for n in range(1, 301)]
    assert (one.resets, two.resets) == (1, 1)
    async with world.operator() as client:
        assert await client.jetstream().consumers_info(STREAM) == []


@pytest.mark.parametrize("loss", ["consumer", "stream", "server"])
async def test_what_may_have_been_missed_is_built_anew(world: World, tmp_path: Path, loss: str):
    if loss == "server":
        world.nats = nats.start(tmp_path / "nats")
    cache = Cache()
    relay = world.relay(await world.connected("filing"))
    broker = await world.connected("catalog")
    try:
        async with running(relay), following(broker, cache):
            await eventually(lambda: _reset(cache, 1))
            await world.tell("p1", "南昌")
            await eventually(lambda: cache.has(1))
            if loss == "consumer":
                async with world.operator() as client:
                    [info] = await client.jetstream().consumers_info(STREAM)
                    await client.jetstream().delete_consumer(STREAM, info.name)
            elif loss == "stream":
                await world.delete_stream()
            else:
                world.nats.process.kill()
                world.nats.process.wait()
                world.nats = nats.start(
                    world.nats.folder, port=world.nats.port, monitor_port=world.nats.monitor_port
                )
            await eventually(lambda: _reset(cache, 2))
            await world.tell("p1", "九江")
            await eventually(lambda: _has_second(cache))
    finally:
        await world.close()
        if loss == "server":
            world.nats.stop()

    assert cache.seen[-1] == ("p1", 2)


async def _reset(cache: Cache, count: int) -> bool:
    return cache.resets >= count


async def _has_second(cache: Cache) -> bool:
    return ("p1", 2) in cache.seen
