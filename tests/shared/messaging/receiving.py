"""What the inbox's tests share: who looks, what was applied, what was parked."""

from typing import Any

from shared.database import Database, Transaction
from shared.errors import Conflict
from shared.messaging.dead_letters import list_dead_letters
from shared.messaging.handling import Received
from shared.messaging.inbox import Inbox
from shared.messaging.metrics import consumer_lag
from shared.security.identity import Actor, Role
from tests.shared.messaging.world import (
    HANDLERS,
    ParcelMoved,
    World,
    note_place,
)

OFFICER = Actor(
    subject="officer-1",
    client_id="console",
    organisation="jx-zwfw",
    role=Role.PROVINCE,
    region="36",
    person=True,
)


class ParcelRefused(Conflict):
    code = "parcel_refused"


async def effects(world: World) -> list[tuple[str, int]]:
    """What was applied, in the order of applying."""
    rows = await world.sql("catalog", "select subject, sequence from effects order by number")
    return [(row["subject"], row["sequence"]) for row in rows]


def offline(world: World, handlers: Any = HANDLERS, **options: Any) -> Inbox:
    """An inbox that is handed its deliveries by the test."""
    return world.inbox(world.broker("catalog"), handlers, **options)


async def letters(database: Database, state: str = "PARKED") -> list[Any]:
    async with database.transaction(OFFICER) as tx:
        return await list_dead_letters(tx, consumer="catalog", states=(state,))


async def refuse_jiujiang(tx: Transaction, received: Received[ParcelMoved]) -> None:
    if received.event.place == "九江":
        raise ParcelRefused(place="九江")
    await note_place(tx, received)


async def count_is(world: World, count: int) -> bool:
    return len(await effects(world)) == count


async def drained(broker: Any) -> bool:
    lag = await consumer_lag(broker, consumer="catalog")
    return lag is not None and (lag.pending, lag.unacknowledged) == (0, 0)
