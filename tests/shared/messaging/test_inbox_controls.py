"""Controls: without the guard, the fault shows."""

import pytest

from shared.events.envelope import STREAM
from shared.messaging.metrics import consumer_lag
from tests.shared.messaging.receiving import (
    effects,
    offline,
)
from tests.shared.messaging.world import (
    World,
    arrival,
    running,
)
from tests.suite import eventually


class Crashed(BaseException):
    """Stands for the end of the process."""


async def crash_at_applied(point: str) -> None:
    if point == "applied":
        raise Crashed


async def test_control_acknowledging_first_loses_what_the_crash_cuts_off(world: World):
    relay = world.relay(await world.connected("filing"))
    broker = await world.connected("catalog")
    faulty = world.inbox(broker, faults=("ack_first",), failpoint=crash_at_applied)
    sound = world.inbox(broker, failpoint=crash_at_applied)
    async with running(relay):
        await world.tell("p1", "南昌")
        await eventually(
            lambda: world.sql("filing", "select 1 from outbox having count(sent_at) = 1")
        )
    with pytest.raises(Crashed):
        await faulty.run()
    await broker.client.flush()
    after_faulty = await consumer_lag(broker, consumer="catalog")
    await broker.jetstream.delete_consumer(STREAM, "catalog")
    with pytest.raises(Crashed):
        await sound.run()
    await broker.client.flush()
    after_sound = await consumer_lag(broker, consumer="catalog")

    assert await effects(world) == []
    assert after_faulty is not None
    assert after_sound is not None
    assert (after_faulty.pending, after_faulty.unacknowledged) == (0, 0)  # nobody will bring it
    assert after_sound.unacknowledged == 1


async def test_control_without_an_inbox_a_repetition_has_a_second_effect(world: World):
    faulty = offline(world, faults=("no_inbox",))
    one = arrival("p1", 1)

    await faulty.receive([one])
    await faulty.receive([one])

    assert await effects(world) == [("p1", 1), ("p1", 1)]


async def test_control_without_a_gate_a_late_event_is_applied_out_of_order(world: World):
    faulty = offline(world, faults=("no_gate",))

    await faulty.receive([arrival("p1", 2)])
    await faulty.receive([arrival("p1", 1)])

    assert await effects(world) == [("p1", 2), ("p1", 1)]
