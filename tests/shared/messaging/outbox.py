"""What the outbox and the stream hold, for the tests of the way between them."""

from collections import defaultdict
from typing import Any

from shared.events.envelope import Envelope
from shared.messaging.relay import Relay
from tests.shared.messaging.world import World


async def all_sent(world: World, count: int) -> list[Any]:
    return await world.sql(
        "filing", "select 1 from outbox having count(*) = $1 and count(sent_at) = $1", count
    )


def in_order(stream: list[Envelope[Any]]) -> bool:
    """Whether each aggregate's numbers run 1, 2, 3 … once repetitions of what was seen are gone."""
    last: dict[str, int] = defaultdict(int)
    for each in stream:
        if each.sequence > last[each.subject] + 1:
            return False
        last[each.subject] = max(last[each.subject], each.sequence)
    return True


async def leads(relay: Relay) -> bool:
    return relay.leading


async def stream_of(world: World, count: int) -> list[Envelope[Any]] | None:
    found = await world.stream()
    return found if len(found) == count else None


async def all_sent_of_some(world: World, count: int) -> list[Any]:
    return await world.sql("filing", "select 1 from outbox having count(sent_at) >= $1", count)


async def positions(world: World) -> list[int]:
    rows = await world.sql(
        "filing", "select position from outbox where position is not null order by position"
    )
    return [row["position"] for row in rows]
